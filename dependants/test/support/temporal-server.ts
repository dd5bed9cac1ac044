// As much of a Temporal server as its client needs to connect and to make a call: three methods of
// WorkflowService, whose messages are written by hand. What it is asked is kept; what a method answers,
// a test may say. Not here: the client.

import type {
  MethodDefinition,
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';

type Call = ServerUnaryCall<Buffer, Buffer>;
type Answer = (call: Call, reply: sendUnaryData<Buffer>) => void;

const METHODS = ['GetSystemInfo', 'DescribeNamespace', 'StartWorkflowExecution'] as const;

type Method = (typeof METHODS)[number];

/** Field 1, a string: the version of the server, and the run of a workflow that was started. */
export function firstField(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function definition(method: Method): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/temporal.api.workflowservice.v1.WorkflowService/${method}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

export const workflowService: ServiceDefinition = Object.fromEntries(
  METHODS.map((method) => [method, definition(method)]),
);

export class TemporalServer {
  /** By method, in the order they came. */
  readonly calls: Readonly<Record<Method, Call[]>> = {
    GetSystemInfo: [],
    DescribeNamespace: [],
    StartWorkflowExecution: [],
  };

  readonly #answers: Partial<Record<Method, Answer>> = {};

  /** From now on; `count` in it is `calls[method].length`. */
  answer(method: Method, answer: Answer): void {
    this.#answers[method] = answer;
  }

  get handlers(): UntypedServiceImplementation {
    return Object.fromEntries(
      METHODS.map((method) => [
        method,
        (call: Call, reply: sendUnaryData<Buffer>) => {
          this.calls[method].push(call);
          const answer = this.#answers[method];
          if (answer === undefined) reply(null, firstField('1.0'));
          else answer(call, reply);
        },
      ]),
    );
  }
}
