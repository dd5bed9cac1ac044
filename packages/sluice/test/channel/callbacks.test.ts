// Calls with callbacks, the layer the other kinds of calls stand on.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { CallListener, Channel, Status } from '#sluice/index.js';
import { Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

class Recorder implements CallListener {
  readonly events: string[] = [];
  readonly ended = signal();
  private waiters: { readonly event: string; readonly resolve: () => void }[] = [];

  private note(event: string): void {
    this.events.push(event);
    for (const waiter of this.waiters) if (waiter.event === event) waiter.resolve();
  }

  /** Resolves when the event happens next. */
  next(event: string): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push({ event, resolve });
    });
  }

  onHeader(): void {
    this.note('header');
  }

  onMessage(message: Buffer): void {
    this.note(`message ${message}`);
  }

  onWritable(): void {
    this.note('writable');
  }

  onEnd(code: Status, details: string): void {
    this.note(`end ${code} ${details}`.trimEnd());
    this.ended.raise();
  }
}

describe('the callback level', () => {
  async function echo(): Promise<Channel> {
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    await channel.ready();
    return channel;
  }

  it('gives messages only when they are asked for, then the end', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    call.send(Buffer.from('a'));
    call.send(Buffer.from('b'));
    call.halfClose();
    const first = recorder.next('message a');
    call.request(1);
    await first;
    // The second message and the end are here by now or soon; neither is handed over.
    await channel.unary('/no/such', X).catch(() => {});
    assert.deepEqual(recorder.events, ['header', 'message a']);
    call.request(1);
    await recorder.ended.happened;
    assert.deepEqual(recorder.events, ['header', 'message a', 'message b', 'end 0']);
    assert.equal(call.isEnded, true);
  });

  it('send() says false past the quota, and onWritable follows', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    const writable = recorder.next('writable');
    assert.equal(call.send(Buffer.alloc(10)), true);
    assert.equal(call.send(Buffer.alloc(100_000)), false);
    call.request(2);
    await writable;
    assert.equal(call.send(Buffer.alloc(10)), true);
    call.request(1);
    call.halfClose();
    await recorder.ended.happened;
    assert.equal(recorder.events.at(-1), 'end 0');
  });

  it('a writer that ignores false is stopped before it holds more than the queue may', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    const message = Buffer.alloc(100_000);
    let sent = 0;
    while (!call.isEnded && sent < 1_000) {
      call.send(message);
      sent += 1;
    }
    await recorder.ended.happened;
    assert.ok(sent < 50, `${sent} messages of 100 kB were taken`);
    assert.match(recorder.events.at(-1) ?? '', /^end 8 refused by the queued-bytes limit: /);
  });

  it('a call that is given its request sends that and nothing else', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder, X);
    call.request(2);
    await recorder.ended.happened;
    assert.deepEqual(recorder.events, ['header', 'message x', 'end 0']);
  });

  it('a path that is no text is refused, by every kind of call', async () => {
    const channel = await echo();
    const none = JSON.parse('5');
    const error = new TypeError(
      'the path of a call is 5; pass text like "/package.Service/Method"',
    );
    assert.throws(() => channel.call(none, {}, new Recorder()), error);
    assert.throws(() => channel.serverStreaming(none, X), error);
    assert.throws(() => channel.bidiStreaming(none, []), error);
    await assert.rejects(channel.unary(none, X), error);
    await assert.rejects(channel.clientStreaming(none, []), error);
    const interceptors = [(): never => assert.fail('no call')];
    await assert.rejects(channel.unary(none, X, { interceptors }), error);
    const call = (): unknown => channel.call(JSON.parse('null'), {}, new Recorder());
    assert.throws(call, /^TypeError: the path of a call is null; /);
  });

  it('a request that is no Uint8Array is refused', async () => {
    const channel = await echo();
    const call = (): unknown => channel.call(PATH, {}, new Recorder(), JSON.parse('"x"'));
    assert.throws(call, new TypeError('a request must be a Uint8Array, not string'));
  });

  it('cancel() ends the call once; what comes later is ignored', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    call.send(X);
    call.cancel();
    call.cancel();
    call.send(X);
    call.halfClose();
    call.request(1);
    assert.deepEqual(recorder.events, ['end 1 cancelled by the caller']);
  });

  it('a call made while there is no connection waits, then may write', async () => {
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    const writable = recorder.next('writable');
    assert.equal(call.send(X), false);
    await writable;
    assert.equal(call.send(X), true);
    call.halfClose();
    call.request(3);
    await recorder.ended.happened;
    assert.deepEqual(recorder.events, ['writable', 'header', 'message x', 'message x', 'end 0']);
  });
});
