// Random calls over a transport pair: every choice comes from one seed, so a failure repeats.

import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import type { ClientStream } from '#sluice/transport/client-stream.js';
import type { Connection } from '#sluice/transport/connection.js';
import { DEFAULT_WINDOW } from '#sluice/transport/limits.js';
import type { ServerStream } from '#sluice/transport/server-stream.js';
import { Alarm } from '../support/alarm.js';
import { mulberry32 } from '../support/random.js';
import { TransportPair } from '../support/transport-pair.js';

export type Random = () => number;

/** One call as the client sees it. */
class ModelCall {
  stream: ClientStream | undefined = undefined;
  ends = 0;
  writable = true;
  toSend: number;
  halfClosed = false;
  wanted = 0;
  deadline: Alarm | undefined = undefined;

  constructor(toSend: number) {
    this.toSend = toSend;
  }

  end(): void {
    this.ends += 1;
    this.deadline?.cancel();
  }
}

/** One call as its handler sees it. */
interface ModelHandler {
  readonly stream: ServerStream;
  writable: boolean;
  toSend: number;
  wanted: number;
  ends: number;
}

/** Numbers of very different sizes: 1 to `most`, each order of magnitude as often as another. */
function anySize(random: Random, most: number): number {
  return Math.floor(most ** random());
}

export class Traffic {
  readonly pair: TransportPair;
  readonly calls: ModelCall[] = [];
  readonly handlers: ModelHandler[] = [];
  /** States that the run has come upon. */
  readonly seen: Set<string>;
  private readonly random: Random;
  private readonly mostMessage: number;
  private readonly mostCalls: number;

  constructor(seed: number, seen: Set<string>) {
    const random = mulberry32(seed);
    this.seen = seen;
    this.random = random;
    const pick = <T>(...of: readonly [T, ...T[]]): T =>
      of[Math.floor(random() * of.length)] ?? of[0];
    this.mostMessage = pick(10, 1_000, 40_000, 300_000);
    this.mostCalls = pick(3, 10, 40);
    const mostChunk = pick(64, 4_096, 65_536, 65_536);
    const chunks = { chunkLength: () => anySize(random, mostChunk) };
    const window = (): number => pick(16_384, 65_535, 65_535, 1_000_000);
    const exposureBytes = pick(200_000, 1_000_000, 64 * 1024 * 1024);
    const windows = () => ({
      initialStreamWindow: window(),
      initialConnectionWindow: Math.max(65_535, window()),
      staticWindows: random() < 0.3,
    });
    this.pair = new TransportPair({
      clientLimits: { exposureBytes },
      serverLimits: { exposureBytes, streams: pick(2, 20, 1_000) },
      client: windows(),
      server: windows(),
      toServer: { ...chunks, capacity: pick(1_000, 100_000, Number.POSITIVE_INFINITY) },
      toClient: { ...chunks, capacity: pick(1_000, 100_000, Number.POSITIVE_INFINITY) },
      onStream: (stream) => this.serve(stream),
    });
  }

  private serve(stream: ServerStream): void {
    const handler: ModelHandler = {
      stream,
      writable: true,
      toSend: Math.floor(this.random() * 4),
      wanted: 0,
      ends: 0,
    };
    this.handlers.push(handler);
    stream.listen({
      onMessage: (message) => {
        assert.ok(handler.wanted > 0, 'a message nobody asked for');
        handler.wanted -= 1;
        assertFilled(message);
        // What a handler does from inside its own callback.
        if (this.random() < 0.05) this.endHandler(handler);
        else if (this.random() < 0.02) this.resetHandler(handler);
      },
      onHalfClose: () => {},
      onWritable: () => {
        handler.writable = true;
      },
      onCancel: () => this.ended(handler),
    });
  }

  private ended(handler: ModelHandler): void {
    handler.ends += 1;
    this.pair.server.handlerDone(handler.stream);
  }

  private endHandler(handler: ModelHandler): void {
    if (handler.ends > 0) return;
    this.ended(handler);
    handler.stream.end(this.random() < 0.5 ? Status.OK : Status.ABORTED, '', []);
  }

  private resetHandler(handler: ModelHandler): void {
    if (handler.ends > 0) return;
    this.ended(handler);
    handler.stream.reset(ErrorCode.INTERNAL_ERROR);
  }

  private startCall(): void {
    const { random } = this;
    const call = new ModelCall(Math.floor(random() * 4));
    const listener = {
      onHead: () => {},
      onMessage: (message: Buffer) => {
        assert.equal(call.ends, 0, 'a message after the end');
        assert.ok(call.wanted > 0, 'a message nobody asked for');
        call.wanted -= 1;
        assertFilled(message);
        if (random() < 0.05) this.cancel(call);
      },
      onSent: () => {},
      isPastDeadline: () => false,
      onWritable: () => {
        call.writable = true;
      },
      onEnd: () => call.end(),
    };
    const timeoutMs = random() < 0.1 ? 1 + Math.floor(random() * 200) : -1;
    call.stream = this.pair.client.newStream(listener, '/model/Call', [], timeoutMs);
    if (call.stream === undefined) return;
    this.calls.push(call);
    if (timeoutMs > 0)
      call.deadline = new Alarm(this.pair.wheel, timeoutMs, () => this.cancel(call));
    if (random() < 0.5) this.sendRequest(call);
  }

  private cancel(call: ModelCall): void {
    if (call.ends > 0) return;
    call.end();
    call.stream?.cancel();
  }

  private sendRequest(call: ModelCall): void {
    const { stream, halfClosed, ends } = call;
    if (stream === undefined || halfClosed || ends > 0) return;
    if (call.toSend === 0) {
      call.halfClosed = true;
      stream.halfClose();
      return;
    }
    // Some writers ignore `false`; the accounts must hold all the same.
    if (!call.writable && this.random() < 0.8) return;
    call.toSend -= 1;
    const last = call.toSend === 0 && this.random() < 0.5;
    call.halfClosed = last;
    call.writable = stream.send(this.message(), last);
  }

  private sendResponse(handler: ModelHandler): void {
    if (handler.ends > 0) return;
    if (handler.toSend === 0) {
      this.endHandler(handler);
      return;
    }
    if (!handler.writable) return;
    handler.toSend -= 1;
    handler.writable = handler.stream.send(this.message());
  }

  private message(): Buffer {
    const length = anySize(this.random, this.mostMessage) - (this.random() < 0.1 ? 1 : 0);
    return Buffer.alloc(length, length & 0xff);
  }

  private anyOf<T>(list: readonly T[]): T | undefined {
    // Mostly recent ones: the old ones are over.
    const back = Math.floor(this.random() ** 2 * list.length);
    return list[list.length - 1 - back];
  }

  private async step(): Promise<void> {
    const { pair, random } = this;
    const open = pair.client.admission.openCalls;
    const call = this.anyOf(this.calls);
    const handler = this.anyOf(this.handlers);
    const choice = random() * 100;
    if (choice < 12) {
      if (open < this.mostCalls && pair.client.ready) this.startCall();
    } else if (choice < 25) {
      if (call !== undefined) this.sendRequest(call);
    } else if (choice < 38) {
      if (handler !== undefined) this.sendResponse(handler);
    } else if (choice < 48) {
      if (call !== undefined) this.read(call);
    } else if (choice < 58) {
      if (handler !== undefined) this.readRequest(handler);
    } else if (choice < 60) {
      if (call !== undefined) this.cancel(call);
    } else if (choice < 61) {
      if (handler !== undefined) this.resetHandler(handler);
    } else if (choice < 62) {
      if (handler !== undefined) this.endHandler(handler);
    } else if (choice < 75) {
      pair.clientTurns.run();
    } else if (choice < 88) {
      pair.serverTurns.run();
    } else if (choice < 97) {
      await nextTurn();
    } else if (choice < 99) {
      pair.clock.advance(random() * 20);
    } else {
      pair.clock.advance(random() * 1_500);
    }
  }

  private read(call: ModelCall): void {
    if (call.ends > 0) return;
    const count = 1 + Math.floor(this.random() * 3);
    call.wanted += count;
    call.stream?.request(count);
  }

  private readRequest(handler: ModelHandler): void {
    if (handler.ends > 0) return;
    handler.wanted += 1;
    handler.stream.request(1);
  }

  /** Random steps, with the accounts checked whenever the wire is let come to rest. */
  async run(steps: number): Promise<void> {
    await this.pair.settle();
    for (let i = 0; i < steps; i += 1) {
      await this.step();
      if (i % 10 === 0) this.look(this.pair.client.connection);
      else if (i % 10 === 5) this.look(this.pair.server.connection);
      if (this.random() < 0.02) await this.check();
    }
    await this.check();
  }

  private async check(): Promise<void> {
    await this.pair.settle();
    assert.equal(this.pair.client.connection.closedBy, undefined);
    assert.equal(this.pair.server.connection.closedBy, undefined);
    this.pair.assertAccounts();
    for (const { connection } of [this.pair.client, this.pair.server]) {
      const { exposure, limit } = connection.credit.inbound;
      assert.ok(exposure <= limit, `exposure of ${exposure}`);
    }
    const open = this.calls.filter((call) => call.ends === 0).length;
    assert.equal(this.pair.client.admission.openCalls, open, 'open calls');
  }

  private look({ credit, loopy, streams }: Connection): void {
    const { inbound, bdp, flow } = credit;
    if (inbound.announced < inbound.configured) this.seen.add('smaller initial window');
    if (bdp.bdpBytes > DEFAULT_WINDOW) this.seen.add('grown estimate');
    if (flow.unacked > 0) this.seen.add('connection bytes not given back');
    if (loopy.waiting.size > 0) this.seen.add('waiting on stream quota');
    streams.forEach(({ inFlow, out, remoteEnded }) => {
      if (inFlow.delta > 0) this.seen.add('window grown for a message');
      if (inFlow.limit > inbound.enforced) this.seen.add('window grown by the estimate');
      if (inFlow.pendingData > 0) this.seen.add('unread bytes');
      if (inFlow.pendingUpdate > 0) this.seen.add('bytes read and not given back');
      if (out.bytesOutstanding > loopy.outgoingInitialWindow) this.seen.add('negative quota');
      if (remoteEnded) this.seen.add('half-closed stream');
    });
  }

  /** Everybody reads, everybody ends; then nothing may be left. */
  async finish(): Promise<void> {
    for (let round = 0; ; round += 1) {
      await this.pair.settle();
      const calls = this.calls.filter((call) => call.ends === 0);
      const handlers = this.handlers.filter((handler) => handler.ends === 0);
      if (calls.length + handlers.length === 0) break;
      assert.ok(round < 200, `${calls.length} calls and ${handlers.length} handlers hang`);
      for (const call of calls) {
        this.read(call);
        this.sendRequest(call);
      }
      for (const handler of handlers) {
        this.readRequest(handler);
        this.sendResponse(handler);
      }
    }
    await this.check();
    this.assertEnded();
    await this.pair.close();
  }

  /** Random steps, and then the connection breaks: everybody is told, and nothing may be left. */
  async breakAfter(steps: number): Promise<void> {
    await this.pair.settle();
    for (let i = 0; i < steps; i += 1) await this.step();
    const broken = this.random() < 0.5 ? this.pair.clientSocket : this.pair.serverSocket;
    broken.destroy(this.random() < 0.5 ? new Error('reset by peer') : undefined);
    await this.pair.settle();
    // A whole response that was not read yet is still there to be read.
    for (const call of this.calls) {
      for (let i = 0; i < 10 && call.ends === 0; i += 1) this.read(call);
    }
    this.assertEnded();
    await this.pair.pass(1_100);
    this.pair.assertNothingLeft();
  }

  private assertEnded(): void {
    for (const call of this.calls) assert.equal(call.ends, 1, 'each call ends once');
    for (const handler of this.handlers) assert.equal(handler.ends, 1, 'each handler ends once');
    assert.equal(this.pair.server.handlers, 0, 'handlers');
    assert.equal(this.pair.client.admission.openCalls, 0, 'open calls');
  }
}

/** The bytes are those of `Traffic.message`, whole and in order. */
function assertFilled(message: Buffer): void {
  const fill = message.length & 0xff;
  assert.ok(
    message.every((byte) => byte === fill),
    'bytes of one message',
  );
}
