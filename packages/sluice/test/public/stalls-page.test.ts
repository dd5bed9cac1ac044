// docs/stalls.md against the sentences: every kind of wait has its sentence there, and the page has no
// other ones.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type StallKind, type StallReason, stallRank, stallText } from '#sluice/transport/stall.js';

const PAGE = readFileSync(
  fileURLToPath(new URL('../../../../docs/stalls.md', import.meta.url)),
  'utf8',
);

type Samples = { readonly [K in StallKind]: readonly Extract<StallReason, { kind: K }>[] };

const forMs = 5;
const ahead = 0;
const window = { kind: 'stream-window', forMs, streamId: 1, bytes: 2, unreadBytes: 0 } as const;
const kernel = { sendBytes: 9, receiveBytes: 0 };

/** By kind, so that a new one does not compile without. */
const SAMPLES: Samples = {
  'stream-window': [
    { ...window, peer: 'server' },
    { ...window, peer: 'client' },
    { ...window, peer: 'server', unreadBytes: 7 },
  ],
  'connection-window': [
    { kind: 'connection-window', forMs, peer: 'server', bytes: 3, streams: 2 },
    { kind: 'connection-window', forMs, peer: 'client', bytes: 3, streams: 1 },
  ],
  socket: [
    { kind: 'socket', forMs, peer: 'server', bytes: 4, kernel: undefined },
    { kind: 'socket', forMs, peer: 'client', bytes: 4, kernel },
  ],
  write: [{ kind: 'write', forMs, bytes: 4 }],
  handler: [
    { kind: 'handler', forMs, silentMs: 5 },
    { kind: 'handler', forMs, silentMs: 5_000 },
    { kind: 'handler', forMs, silentMs: 5, kernel },
  ],
  response: [
    { kind: 'response', forMs, bytes: 0 },
    { kind: 'response', forMs, bytes: 8 },
  ],
  request: [{ kind: 'request', forMs }],
  reader: [
    { kind: 'reader', forMs, reader: 'caller', bytes: 8 },
    { kind: 'reader', forMs, reader: 'handler', bytes: 8 },
  ],
  'message-room': [{ kind: 'message-room', forMs, limit: 10 }],
  'peer-streams': [{ kind: 'peer-streams', forMs, ahead, limit: 100 }],
  limit: [
    {
      kind: 'limit',
      forMs,
      ahead,
      limit: 'open-calls',
      value: 1,
      depth: 1,
      unit: 'calls',
      text: 'the open-calls limit: 1 of 1 calls are open; slow down',
    },
  ],
  turn: [{ kind: 'turn', forMs, ahead }],
  draining: [{ kind: 'draining', forMs, ahead }],
  resolution: [{ kind: 'resolution', forMs, ahead, target: 'dns:///a:1' }],
  connecting: [
    { kind: 'connecting', forMs, ahead, address: 'a:1', failure: '' },
    { kind: 'connecting', forMs, ahead, address: 'a:1', failure: 'refused' },
  ],
  backoff: [{ kind: 'backoff', forMs, ahead, failure: 'refused', retryInMs: 900 }],
  credentials: [{ kind: 'credentials', forMs }],
  retry: [{ kind: 'retry', forMs, failure: 'UNAVAILABLE: down', retryInMs: 80 }],
  'event-loop': [{ kind: 'event-loop', forMs: 1_000, blockedMs: 850, endedMs: 0 }],
  'client-messages': [{ kind: 'client-messages', forMs }],
  'own-handler': [{ kind: 'own-handler', forMs, begun: false }],
  drain: [{ kind: 'drain', forMs, calls: 2 }],
};

/** The sentences of the page, behind `waited <n> ms for`, and the one that begins otherwise. */
function sentences(): RegExp[] {
  const found: string[] = [];
  for (const line of PAGE.split('\n')) {
    const cell = /^\| `([^`]+)` \|/.exec(line)?.[1];
    if (cell !== undefined && !cell.startsWith('waited')) found.push(`waited <n> ms for ${cell}`);
    else if (line.startsWith('`this process')) found.push(line.replaceAll('`', ''));
  }
  return found.map((text) => {
    const source = text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    return new RegExp(`^${source.replaceAll('<n>', '\\d+').replaceAll(/<[^>]*>/g, '.+?')}$`);
  });
}

describe('docs/stalls.md', () => {
  // The table of places has texts in its first column that are none.
  const patterns = sentences().filter(({ source }) => !source.includes('explain'));
  const texts = Object.values(SAMPLES)
    .flat()
    .map((reason) => stallText(reason));

  for (const text of texts) {
    it(`has the sentence: ${text}`, () => {
      const fitting = patterns.filter((pattern) => pattern.test(text));
      assert.notEqual(fitting.length, 0);
    });
  }

  it('has no sentence that is never said', () => {
    for (const pattern of patterns) {
      assert.ok(
        texts.some((text) => pattern.test(text)),
        String(pattern),
      );
    }
  });
});

describe('calls before a call in the line', () => {
  for (const [count, text] of [
    [0, ''],
    [1, '; 1 call is before it'],
    [2, '; 2 calls are before it'],
    [100, '; 100 calls or more are before it'],
  ] as const) {
    it(`${count}`, () => {
      const turn = stallText({ kind: 'turn', forMs: 1, ahead: 0 });
      assert.equal(stallText({ kind: 'turn', forMs: 1, ahead: count }), turn + text);
    });
  }
});

describe('what a wait asks to be looked at', () => {
  it('is nothing where it is part of normal work', () => {
    const normal = Object.values(SAMPLES)
      .flat()
      .filter((reason) => stallRank(reason) === 0)
      .map(({ kind }) => kind);
    assert.deepEqual(normal, ['response', 'request', 'client-messages', 'drain']);
    assert.equal(stallRank({ kind: 'own-handler', forMs: 1, begun: true }), 0);
  });
});
