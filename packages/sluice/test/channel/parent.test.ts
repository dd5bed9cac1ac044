// Calls made on behalf of a call that is being served: its deadline and its cancellation hold for
// them, where the program says so.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { ChildCall, ParentCall } from '#sluice/channel/call-options.js';
import { type Channel, Status, type StatusError } from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Parent/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A call being served, as the test plays it. */
class Parent implements ParentCall {
  readonly children: Set<ChildCall> = new Set();
  cancelled = false;
  deadline: Date | undefined = undefined;

  follow(child: ChildCall): void {
    if (this.cancelled) child.cancel('gone');
    else this.children.add(child);
  }

  unfollow(child: ChildCall): void {
    this.children.delete(child);
  }

  cancel(): void {
    this.cancelled = true;
    for (const child of this.children) child.cancel('gone');
  }
}

/** A channel to a server that never answers, and a promise of what its handler saw at the end. */
async function silent(): Promise<{ channel: Channel; cancelled: Promise<void> }> {
  const cancelled = signal();
  const server = running.server().unary(PATH, (_request, context) => {
    return new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => {
        cancelled.raise();
        reject(new Error('cancelled'));
      });
    });
  });
  return { channel: await running.channelTo(server), cancelled: cancelled.happened };
}

describe('a call with a parent', () => {
  it('is cancelled with it, on the server too', async () => {
    const { channel, cancelled } = await silent();
    await channel.ready();
    const parent = new Parent();
    const call = failureOf(channel.unary(PATH, X, { parent }));
    // The server has the call by the time another one is answered.
    await failureOf(channel.unary('/test.Parent/None', X));
    parent.cancel();
    const { code, details } = await call;
    assert.equal(code, Status.CANCELLED);
    assert.equal(details, 'the parent call was cancelled: gone');
    await cancelled;
    assert.equal(parent.children.size, 0);
  });

  it('that is cancelled already is not made', async () => {
    const channel = running.channel('127.0.0.1:1');
    const parent = new Parent();
    parent.cancel();
    const error = await failureOf(channel.unary(PATH, X, { parent }));
    assert.equal(error.details, 'the parent call was cancelled: gone');
  });

  it('has the earlier of both deadlines', async () => {
    const { channel } = await silent();
    const parent = new Parent();
    parent.deadline = new Date(Date.now() + 20);
    const error = await failureOf(channel.unary(PATH, X, { parent, timeoutMs: 3_600_000 }));
    assert.equal(error.code, Status.DEADLINE_EXCEEDED);
    parent.deadline = new Date(Date.now() + 3_600_000);
    const own = await failureOf(channel.unary(PATH, X, { parent, timeoutMs: 20 }));
    assert.match(own.details, /^deadline of 20 ms exceeded/);
    parent.deadline = new Date(Date.now() - 1);
    const late = await failureOf(channel.unary(PATH, X, { parent }));
    assert.equal(late.details, 'the deadline had passed before the call');
    assert.equal(parent.children.size, 0);
  });

  it('lets go of it when it ends', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const parent = new Parent();
    const call = channel.unary(PATH, X, { parent });
    assert.equal(parent.children.size, 1);
    await call;
    assert.equal(parent.children.size, 0);
  });

  it('takes the context of a handler: a client that gives up ends what was done for it', async () => {
    const { channel: behind, cancelled } = await silent();
    const failed = signal<StatusError>();
    const front = running.server().unary(PATH, async (request, parent) => {
      failed.raise(await failureOf(behind.unary(PATH, request, { parent })));
      return X;
    });
    const channel = await running.channelTo(front);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await failureOf(channel.unary('/test.Parent/None', X));
    await failureOf(behind.unary('/test.Parent/None', X));
    controller.abort();
    assert.equal((await call).code, Status.CANCELLED);
    assert.equal((await failed.happened).code, Status.CANCELLED);
    await cancelled;
  });
});
