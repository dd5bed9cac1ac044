// Sluice as the client under attack: one channel with its defaults, and the limits that a row sets.
// Not here: the load (victim-process.ts).

import { setTimeout as pause } from 'node:timers/promises';
import { connect, memoryBudget, StatusError } from 'sluice';
import type { CallEnd, ClientRuntime, ConnectPlan } from './runtime.ts';

function endOf(error: unknown, messages: number, bytes: number): CallEnd {
  if (error instanceof StatusError) {
    return { code: error.code, details: error.details, messages, bytes };
  }
  return { code: -1, details: String(error), messages, bytes };
}

export function connectSluice(plan: ConnectPlan): ClientRuntime {
  const { port, trusted, memoryBudgetBytes, keepaliveMs, maxReceiveMessageLength } = plan;
  if (memoryBudgetBytes !== undefined) memoryBudget.limitBytes = memoryBudgetBytes;
  const channel = connect(`127.0.0.1:${port}`, {
    ...(trusted === undefined ? {} : { tls: { ca: trusted } }),
    ...(maxReceiveMessageLength === undefined ? {} : { maxReceiveMessageLength }),
    ...(keepaliveMs === undefined ? {} : { keepalive: { timeMs: keepaliveMs, timeoutMs: 1_000 } }),
    backoff: { initialMs: 50, maxMs: 200 },
  });
  return {
    unary: async (path, request, timeoutMs) => {
      try {
        const answer = await channel.unary(path, request, { timeoutMs });
        return { code: 0, details: '', messages: 1, bytes: answer.length };
      } catch (error) {
        return endOf(error, 0, 0);
      }
    },
    stream: async (path, request, timeoutMs, reads) => {
      let messages = 0;
      let bytes = 0;
      try {
        for await (const answer of channel.serverStreaming(path, request, { timeoutMs })) {
          messages += 1;
          bytes += answer.length;
          if (!reads) await pause(timeoutMs + 100);
        }
        return { code: 0, details: '', messages, bytes };
      } catch (error) {
        return endOf(error, messages, bytes);
      }
    },
    acted: () =>
      Object.fromEntries(
        Object.entries(channel.stats().limits).map(([name, { acted }]) => [name, acted]),
      ),
    close: () => void channel.close(),
  };
}
