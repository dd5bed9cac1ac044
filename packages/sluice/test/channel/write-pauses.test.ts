// Whoever writes to a peer that does not read is paused: by whatever means it writes, no more is taken
// than the peer's window, the write quota and one message.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type CallListener, Outbox } from '#sluice/index.js';
import { Running, signal } from '../support/running.js';

const PATH = '/test.Writes/Method';
const X = Buffer.from('x');
const MESSAGE = 8_192;
/** The stream's window and the write quota, in messages, and the one that passes the quota. */
const MOST = (65_535 + 65_536) / MESSAGE + 1;
const OPTIONS = { staticWindows: true };

const running = new Running();

afterEach(() => running.end());

/** Turns of the event loop without another message, after which none is to come. */
const QUIET_TURNS = 200;

async function paused(count: () => number): Promise<number> {
  let before = -1;
  for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
    if (count() !== before || before === 0) quiet = 0;
    before = count();
    await nextTurn();
  }
  return before;
}

function assertPaused(sent: number): void {
  assert.ok(sent >= 65_536 / MESSAGE && sent <= MOST, `${sent} messages were taken`);
}

class Silent implements CallListener {
  writable = 0;
  readonly ended = signal();

  onHeader(): void {}

  onMessage(): void {}

  onWritable(): void {
    this.writable += 1;
  }

  onEnd(): void {
    this.ended.raise();
  }
}

describe('a writer to a peer that does not read is paused', () => {
  async function* messages(note: () => void): AsyncGenerator<Buffer> {
    for (let i = 0; i < 1_000; i += 1) {
      note();
      yield Buffer.alloc(MESSAGE);
    }
  }

  for (const how of ['a generator', 'an Outbox', 'callbacks'] as const) {
    it(`${how} of a server`, async () => {
      let sent = 0;
      const server = running.server(OPTIONS);
      if (how === 'a generator') {
        server.serverStreaming(PATH, () =>
          messages(() => {
            sent += 1;
          }),
        );
      } else if (how === 'an Outbox') {
        server.serverStreaming(PATH, () => {
          const outbox = new Outbox<Buffer>({ maxMessages: 1 });
          void (async () => {
            for (; sent < 1_000; sent += 1) {
              await outbox.ready();
              if (outbox.send(Buffer.alloc(MESSAGE))) continue;
            }
          })().catch(() => {});
          return outbox;
        });
      } else {
        server.handle(PATH, (call) => {
          do sent += 1;
          while (call.send(Buffer.alloc(MESSAGE)));
          return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel: () => call.end(0) };
        });
      }
      const channel = await running.channelTo(server, OPTIONS);
      const call = channel.call(PATH, {}, new Silent());
      call.send(X);
      call.halfClose();
      const taken = await paused(() => sent);
      assert.ok(taken >= 65_536 / MESSAGE && taken <= MOST + 2, `${taken} messages were taken`);
      call.cancel();
    });
  }

  it('a generator of a client', async () => {
    const go = signal();
    const server = running.server(OPTIONS).clientStreaming(PATH, async () => {
      await go.happened;
      return X;
    });
    const channel = await running.channelTo(server, OPTIONS);
    let sent = 0;
    const call = channel.clientStreaming(
      PATH,
      messages(() => {
        sent += 1;
      }),
    );
    assertPaused(await paused(() => sent));
    go.raise();
    assert.deepEqual(await call, X);
  });

  it('a generator of a client, on a stream both ways', async () => {
    const go = signal();
    const server = running.server(OPTIONS).bidiStreaming(PATH, async function* () {
      await go.happened;
      yield X;
    });
    const channel = await running.channelTo(server, OPTIONS);
    let sent = 0;
    const responses = channel.bidiStreaming(
      PATH,
      messages(() => {
        sent += 1;
      }),
    );
    const first = responses[Symbol.asyncIterator]().next();
    assertPaused(await paused(() => sent));
    go.raise();
    assert.deepEqual((await first).value, X);
    for await (const _rest of responses);
  });

  it('callbacks of a client, from the first byte past the quota', async () => {
    const server = running.server(OPTIONS).handle(PATH, (call) => ({
      onMessage() {},
      onHalfClose() {},
      onWritable() {},
      onCancel: () => call.end(0),
    }));
    const channel = await running.channelTo(server, OPTIONS);
    await channel.ready();
    const listener = new Silent();
    const call = channel.call(PATH, {}, listener);
    // Each message takes 5 bytes of prefix.
    assert.equal(call.send(Buffer.alloc(65_536 - 5 - 1)), true);
    assert.equal(call.send(Buffer.alloc(0)), false);
    call.cancel();
  });
});
