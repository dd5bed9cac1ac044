// @grpc/grpc-js as the client under faults: each kind of call by its own method, its end by the
// 'status' event, which every kind has.

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { bytes } from '../bytes-method.ts';
import { type CallScript, PATHS, SCRIPT_KEY } from './call-script.ts';
import type { CallEvents, ConnectSettings, OpenCall, SubjectClient } from './subject.ts';

/** What all kinds of calls of grpc-js have in common here. */
interface EventedCall {
  on(event: 'status', listener: (status: { code: number; details: string }) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  cancel(): void;
}

function follow(call: EventedCall, events: CallEvents): void {
  // An end other than OK is told as 'error' as well; unheard it would be thrown.
  call.on('error', () => {});
  call.on('status', ({ code, details }) => events.onEnd(code, details));
}

export function connectGrpcJs(settings: ConnectSettings): SubjectClient {
  const { port, keepaliveTimeMs, keepaliveTimeoutMs = 20_000 } = settings;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    ...(keepaliveTimeMs === undefined
      ? {}
      : {
          'grpc.keepalive_time_ms': keepaliveTimeMs,
          'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
        }),
  });
  const open = (
    script: CallScript,
    header: string,
    request: Buffer,
    events: CallEvents,
  ): OpenCall => {
    const metadata = new Metadata();
    metadata.set(SCRIPT_KEY, header);
    const path = PATHS[script.kind];
    const answered = (error: Error | null): void => {
      if (error === null) events.onMessage();
    };
    switch (script.kind) {
      case 'unary': {
        const call = client.makeUnaryRequest(path, bytes, bytes, request, metadata, answered);
        follow(call, events);
        return { send: () => true, halfClose: () => {}, cancel: () => call.cancel() };
      }
      case 'serverStreaming': {
        const call = client.makeServerStreamRequest(path, bytes, bytes, request, metadata);
        call.on('data', () => events.onMessage());
        follow(call, events);
        return { send: () => true, halfClose: () => {}, cancel: () => call.cancel() };
      }
      case 'clientStreaming': {
        const call = client.makeClientStreamRequest(path, bytes, bytes, metadata, answered);
        call.on('drain', () => events.onWritable());
        follow(call, events);
        return {
          send: (message) => call.write(message),
          halfClose: () => call.end(),
          cancel: () => call.cancel(),
        };
      }
      case 'bidiStreaming': {
        const call = client.makeBidiStreamRequest(path, bytes, bytes, metadata);
        call.on('data', () => events.onMessage());
        call.on('drain', () => events.onWritable());
        follow(call, events);
        return {
          send: (message) => call.write(message),
          halfClose: () => call.end(),
          cancel: () => call.cancel(),
        };
      }
    }
  };
  return { open, close: () => client.close() };
}
