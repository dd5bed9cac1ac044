// @grpc/grpc-js as the client under attack: one channel with its defaults, and the options that come
// nearest to the limits that a row sets.
// Not here: the load (victim-process.ts).

import { Client, credentials } from '@grpc/grpc-js';
import { bytes } from '../bytes-method.ts';
import type { CallEnd, ClientRuntime, ConnectPlan } from './runtime.ts';

export function connectGrpcJs(plan: ConnectPlan): ClientRuntime {
  const { port, trusted, keepaliveMs, maxReceiveMessageLength } = plan;
  const client = new Client(
    `127.0.0.1:${port}`,
    trusted === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(Buffer.from(trusted)),
    {
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
      ...(maxReceiveMessageLength === undefined
        ? {}
        : { 'grpc.max_receive_message_length': maxReceiveMessageLength }),
      ...(keepaliveMs === undefined
        ? {}
        : { 'grpc.keepalive_time_ms': keepaliveMs, 'grpc.keepalive_timeout_ms': 1_000 }),
    },
  );
  return {
    unary: (path, request, timeoutMs) =>
      new Promise<CallEnd>((resolve) => {
        const deadline = Date.now() + timeoutMs;
        const sent = Buffer.from(request);
        client.makeUnaryRequest(path, bytes, bytes, sent, { deadline }, (error, answer) => {
          if (error === null) {
            resolve({ code: 0, details: '', messages: 1, bytes: answer?.length ?? 0 });
          } else resolve({ code: error.code, details: error.details, messages: 0, bytes: 0 });
        });
      }),
    stream: (path, request, timeoutMs, reads) =>
      new Promise<CallEnd>((resolve) => {
        let messages = 0;
        let received = 0;
        const deadline = Date.now() + timeoutMs;
        const call = client.makeServerStreamRequest(path, bytes, bytes, Buffer.from(request), {
          deadline,
        });
        call.on('data', (answer: Buffer) => {
          messages += 1;
          received += answer.length;
          if (!reads) call.pause();
        });
        // An end other than OK is told as 'error' and as 'status'; unheard, the first is thrown.
        call.on('error', () => {});
        call.on('status', ({ code, details }) =>
          resolve({ code, details, messages, bytes: received }),
        );
      }),
    acted: () => ({}),
    close: () => client.close(),
  };
}
