// Sluice as the client under faults: unary calls by promise, server streams by async iterator, and
// the kinds that send a stream by `Channel.call`, whose callbacks would show a second end.

import { type CallOptions, type Channel, connect, Metadata, StatusError } from 'sluice';
import { type CallScript, PATHS, SCRIPT_KEY } from './call-script.ts';
import type { CallEvents, ConnectSettings, OpenCall, SubjectClient } from './subject.ts';

/** What is told where an error is none of a call. */
const NO_STATUS = -1;

function tellEnd(error: unknown, events: CallEvents): void {
  if (error instanceof StatusError) events.onEnd(error.code, error.details);
  else events.onEnd(NO_STATUS, String(error));
}

async function unary(
  channel: Channel,
  request: Buffer,
  options: CallOptions,
  events: CallEvents,
): Promise<void> {
  try {
    await channel.unary(PATHS.unary, request, options);
    events.onMessage();
    events.onEnd(0, '');
  } catch (error) {
    tellEnd(error, events);
  }
}

async function readStream(
  channel: Channel,
  request: Buffer,
  options: CallOptions,
  events: CallEvents,
): Promise<void> {
  try {
    for await (const _ of channel.serverStreaming(PATHS.serverStreaming, request, options)) {
      events.onMessage();
    }
    events.onEnd(0, '');
  } catch (error) {
    tellEnd(error, events);
  }
}

export function connectSluice(settings: ConnectSettings): SubjectClient {
  const { port, keepaliveTimeMs, keepaliveTimeoutMs } = settings;
  const channel = connect(`127.0.0.1:${port}`, {
    shareConnections: false,
    ...(keepaliveTimeMs === undefined
      ? {}
      : { keepalive: { timeMs: keepaliveTimeMs, timeoutMs: keepaliveTimeoutMs } }),
  });
  return {
    open: (script: CallScript, header: string, request: Buffer, events: CallEvents): OpenCall => {
      const metadata = new Metadata().set(SCRIPT_KEY, header);
      if (script.kind === 'unary' || script.kind === 'serverStreaming') {
        const abort = new AbortController();
        const options = { metadata, signal: abort.signal };
        if (script.kind === 'unary') void unary(channel, request, options, events);
        else void readStream(channel, request, options, events);
        return { send: () => true, halfClose: () => {}, cancel: () => abort.abort() };
      }
      const call = channel.call(
        PATHS[script.kind],
        { metadata },
        {
          onHeader: () => {},
          onMessage: () => {
            if (!call.isEnded) call.request(1);
            events.onMessage();
          },
          onWritable: () => events.onWritable(),
          // Refused at once it would be told before `open` returns.
          onEnd: (code, details) => queueMicrotask(() => events.onEnd(code, details)),
        },
      );
      call.request(4);
      return {
        send: (message) => call.send(message),
        halfClose: () => call.halfClose(),
        cancel: () => call.cancel(),
      };
    },
    close: () => void channel.close(),
  };
}
