// Sluice as the server under faults: handlers of every kind that follow the scripts of their calls,
// written as users write them, with promises and generators.

import { createServer, type ServerContext, type Status, StatusError } from 'sluice';
import { FOREVER, PATHS, parseScriptHeader, SCRIPT_KEY, type ServerScript } from './call-script.ts';
import type { HandlerJournal, ServeSettings, SubjectServer } from './subject.ts';

function scriptOf(context: ServerContext): ServerScript {
  return parseScriptHeader(String(context.metadata.get(SCRIPT_KEY) ?? ''));
}

function hold(holdMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = holdMs === FOREVER ? undefined : setTimeout(resolve, holdMs);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function finish(script: ServerScript, context: ServerContext): Promise<void> {
  if (script.holdMs !== 0) await hold(script.holdMs, context.signal);
  if (script.code === 0 || context.cancelled) return;
  // The parent of the same build sends codes that are statuses.
  throw new StatusError(script.code as Status, 'as the script says');
}

export async function serveSluice(
  settings: ServeSettings,
  journal: HandlerJournal,
): Promise<SubjectServer> {
  const { keepaliveTimeMs, keepaliveTimeoutMs, streams } = settings;
  const server = createServer({
    ...(keepaliveTimeMs === undefined
      ? {}
      : { keepalive: { timeMs: keepaliveTimeMs, timeoutMs: keepaliveTimeoutMs } }),
    ...(streams === undefined ? {} : { limits: { streams } }),
  });
  const answerOnce = async (
    requests: AsyncIterable<Buffer> | undefined,
    context: ServerContext,
  ): Promise<Buffer> => {
    const script = scriptOf(context);
    journal.began(script.id);
    try {
      if (requests !== undefined) for await (const _ of requests);
      await finish(script, context);
      return Buffer.alloc(script.replyBytes, 'r');
    } finally {
      journal.over(script.id);
    }
  };
  server.unary(PATHS.unary, (_request, context) => answerOnce(undefined, context));
  server.clientStreaming(PATHS.clientStreaming, answerOnce);
  server.serverStreaming(PATHS.serverStreaming, async function* answers(_request, context) {
    const script = scriptOf(context);
    journal.began(script.id);
    try {
      for (let sent = 0; sent < script.replies; sent += 1) yield Buffer.alloc(script.replyBytes);
      await finish(script, context);
    } finally {
      journal.over(script.id);
    }
  });
  server.bidiStreaming(PATHS.bidiStreaming, async function* answers(requests, context) {
    const script = scriptOf(context);
    journal.began(script.id);
    try {
      let sent = 0;
      for await (const _ of requests) {
        yield Buffer.alloc(script.replyBytes);
        sent += 1;
        if (sent === script.replies && script.code !== 0) break;
      }
      await finish(script, context);
    } finally {
      journal.over(script.id);
    }
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    port,
    connections: () => server.stats().connections.length,
    acted: () =>
      Object.fromEntries(
        Object.entries(server.stats().limits).map(([name, { acted }]) => [name, acted]),
      ),
    drain: () => server.drain(),
  };
}
