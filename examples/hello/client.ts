// The client of the hello example: a call with one response, one with many, and one that fails.

import { connect, createClient, Status, StatusError } from 'sluice';
import { HelloService } from './gen/hello_pb.ts';

/** Makes each call once. */
export async function greet(target: string): Promise<void> {
  const channel = connect(target);
  const hello = createClient(HelloService, channel, { timeoutMs: 1_000 });

  const { text } = await hello.sayHello({ name: 'Ada' });
  console.log(text);

  for await (const { number } of hello.countDown({ from: 3 })) console.log(number);

  try {
    await hello.sayHello({ name: '' });
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== Status.INVALID_ARGUMENT) throw error;
    console.log(error.message);
  }

  await channel.close();
}
