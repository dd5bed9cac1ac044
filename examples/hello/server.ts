// The server of the hello example: one handler for each method of hello.proto.
// Requests and answers have the types of that file; an answer may be a plain object.

import { createServer, type Server, Status, StatusError } from 'sluice';
import { HelloService } from './gen/hello_pb.ts';

/** A server with the service, not listening yet. */
export function helloServer(): Server {
  return createServer().add(HelloService, {
    sayHello({ name }) {
      if (name === '') throw new StatusError(Status.INVALID_ARGUMENT, 'name is empty');
      return { text: `Hello, ${name}!` };
    },

    async *countDown({ from }) {
      for (let number = from; number > 0; number -= 1) yield { number };
    },
  });
}
