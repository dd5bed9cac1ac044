// The handlers of a run: of every kind, with and without codecs, that answer, throw, hang, answer
// nonsense, go on after the client has gone, and call other servers on the way.

import { Metadata } from '#sluice/grpc/metadata.js';
import type { MethodKind } from '#sluice/grpc/method.js';
import { Status } from '#sluice/grpc/status.js';
import type { ServerCall } from '#sluice/server/callback-listener.js';
import type { ServerContext } from '#sluice/server/context.js';
import type { Server } from '#sluice/server/server.js';
import type { ServerStreamListener } from '#sluice/transport/server-stream.js';
import type { Conversation } from './conversation.js';
import {
  KINDS,
  type ModelMessage,
  messageBytes,
  modelMethod,
  pathOf,
  SERVICES,
} from './messages.js';

type Make<O> = (seq: number) => O;

/** A callback handler at work. */
export class CallbackCall implements ServerStreamListener {
  private readonly world: Conversation;
  private readonly call: ServerCall;
  private readonly id: number;
  private sent = 0;
  private wanted = 0;
  private cancels = 0;
  private halfClosed = false;
  private ended = false;

  constructor(world: Conversation, call: ServerCall, context: ServerContext) {
    this.world = world;
    this.call = call;
    this.id = callOf(context);
    world.callbackCalls.push(this);
  }

  act(): void {
    const { call, world } = this;
    const { dice } = world;
    switch (dice.int(8)) {
      case 0:
      case 1:
        call.send(messageBytes({ call: this.id, seq: this.sent, length: world.length() }));
        this.sent += 1;
        break;
      case 2:
      case 3:
      case 4: {
        const count = 1 + dice.int(3);
        this.wanted += count;
        call.request(count);
        break;
      }
      case 5:
        this.end();
        break;
      default:
    }
  }

  /** Must come once at the least; more of them mean nothing. */
  end(): void {
    this.ended = true;
    this.call.end(this.world.dice.pick(Status.OK, Status.OK, Status.ABORTED), 'as it likes');
  }

  private react(): void {
    if (this.world.dice.chance(0.4)) this.act();
    this.world.mayThrow(0.03);
  }

  onMessage(): void {
    this.wanted -= 1;
    if (this.ended) this.world.complain('a request after the end of its call');
    if (this.halfClosed) this.world.complain('a request after the half-close');
    if (this.wanted < 0) this.world.complain('a request nobody asked for');
    this.react();
  }

  onHalfClose(): void {
    if (this.halfClosed) this.world.complain('half-closed twice');
    this.halfClosed = true;
    if (this.world.dice.chance(0.5)) this.end();
    else this.react();
  }

  onWritable(): void {
    this.react();
  }

  onCancel(): void {
    this.cancels += 1;
    if (this.cancels > 1) this.world.complain('cancelled twice');
    if (this.world.dice.chance(0.5)) this.end();
    this.world.mayThrow(0.03);
  }
}

/** The id that the caller gave its call; 0 where nobody of this model called. */
function callOf(context: ServerContext): number {
  return Number(context.metadata.get('call') ?? 0);
}

/** Adds all handlers of the model to a server. */
export class Handlers {
  private readonly world: Conversation;

  constructor(world: Conversation) {
    this.world = world;
  }

  addTo(server: Server): void {
    const { world } = this;
    const { dice } = world;
    for (const service of SERVICES) {
      for (const kind of KINDS) {
        this.addBytes(server, service, kind);
        this.addTyped(server, service, kind);
      }
      server.handle(`/${service}/Callbacks`, (call, context) => this.serve(call, context));
    }
    if (dice.chance(0.3)) server.fallback((call, context) => this.serve(call, context));
  }

  private serve(call: ServerCall, context: ServerContext): ServerStreamListener {
    this.world.mayThrow(0.05);
    const made = new CallbackCall(this.world, call, context);
    made.act();
    // As one without types may.
    return this.world.rarely(0.03) ? (undefined as unknown as ServerStreamListener) : made;
  }

  private addBytes(server: Server, service: string, kind: MethodKind): void {
    const { world } = this;
    const path = pathOf(service, kind, false);
    const make =
      (context: ServerContext): Make<Uint8Array> =>
      (seq) =>
        world.dice.chance(0.03)
          ? Buffer.alloc(0)
          : messageBytes({ call: callOf(context), seq, length: world.length() });
    const options = {
      maxSendMessageLength: world.rarely(0.1) ? world.dice.size(10_000) : undefined,
      maxReceiveMessageLength: world.rarely(0.1) ? world.dice.size(10_000) : undefined,
      compress: world.dice.maybe(0.1, () => world.encoding()),
    };
    switch (kind) {
      case 'unary':
        server.unary(path, (_, context) => this.answer(context, make(context)), options);
        break;
      case 'serverStreaming':
        server.serverStreaming(path, (_, context) => this.answers(context, make(context)), options);
        break;
      case 'clientStreaming':
        server.clientStreaming(
          path,
          (requests, context) => this.collect(requests, context, make(context)),
          options,
        );
        break;
      default:
        server.bidiStreaming(
          path,
          (requests, context) => this.converse(requests, context, make(context)),
          options,
        );
    }
  }

  private addTyped(server: Server, service: string, kind: MethodKind): void {
    const { world } = this;
    const method = modelMethod(service, kind, world.dice, world.failing);
    const make =
      (context: ServerContext): Make<ModelMessage> =>
      (seq) => ({ call: callOf(context), seq, length: world.length() });
    switch (kind) {
      case 'unary':
        server.unary(method, (_, context) => this.answer(context, make(context)));
        break;
      case 'serverStreaming':
        server.serverStreaming(method, (_, context) => this.answers(context, make(context)));
        break;
      case 'clientStreaming':
        server.clientStreaming(method, (requests, context) =>
          this.collect(requests, context, make(context)),
        );
        break;
      default:
        server.bidiStreaming(method, (requests, context) =>
          this.converse(requests, context, make(context)),
        );
    }
  }

  private watch(context: ServerContext): void {
    if (this.world.dice.chance(0.9)) return;
    context.signal.addEventListener('abort', () => this.world.reenter());
  }

  /** What any handler may do with its context. */
  private use(context: ServerContext): void {
    const { dice } = this.world;
    if (dice.chance(0.1)) context.header.set('x-header', 'x');
    if (dice.chance(0.1)) context.trailer.set('x-trailer', 'x'.repeat(dice.size(5_000)));
    if (dice.chance(0.1)) context.sendHeader(new Metadata([['early', 'yes']]));
    if (dice.chance(0.05)) {
      context.trailer.set('grpc-retry-pushback-ms', dice.pick('-1', '0', '30', 'x'));
    }
    if (dice.chance(0.05)) {
      try {
        context.compress = this.world.encoding();
      } catch {
        // The headers were sent.
      }
    }
    if (dice.chance(0.05) && (context.remainingMs ?? 0) < 0) this.world.complain('remainingMs');
  }

  private answer<O>(context: ServerContext, make: Make<O>): O | Promise<O> {
    const { world } = this;
    this.watch(context);
    this.use(context);
    world.mayThrow(0.06);
    if (world.dice.chance(0.5)) return make(0);
    // As one without types may.
    if (world.rarely(0.04)) return world.dice.pick<unknown>(undefined, 'text', 7, null, {}) as O;
    return this.answerLater(context, make);
  }

  private async answerLater<O>(context: ServerContext, make: Make<O>): Promise<O> {
    const { world } = this;
    const { dice, gates } = world;
    return world.atWork(`the unary handler of call ${callOf(context)}`, async () => {
      await gates.maybe(0.5);
      if (dice.chance(0.15)) await world.call(context).catch(() => {});
      if (dice.chance(0.05)) for (let i = 0; i < 8; i += 1) await gates.wait();
      if (dice.chance(0.05)) await aborted(context, gates.wait());
      this.use(context);
      world.mayThrow(0.08);
      return make(0);
    });
  }

  private answers<O>(context: ServerContext, make: Make<O>): Iterable<O> | AsyncIterable<O> {
    const { world } = this;
    const { dice } = world;
    this.watch(context);
    this.use(context);
    world.mayThrow(0.04);
    if (dice.chance(0.2)) return Array.from({ length: dice.int(5) }, (_, seq) => make(seq));
    if (world.rarely(0.03)) return dice.pick<unknown>(undefined, 7, {}) as Iterable<O>;
    return this.generated(context, make);
  }

  private async *generated<O>(context: ServerContext, make: Make<O>): AsyncGenerator<O> {
    const { world } = this;
    const { dice, gates } = world;
    const left = world.begin(`the responses of call ${callOf(context)}`);
    try {
      const count = dice.chance(0.1) ? 60 : dice.int(6);
      for (let seq = 0; seq < count; seq += 1) {
        await gates.maybe(0.15);
        world.mayThrow(0.03);
        if (world.rarely(0.01)) yield 'no bytes' as O;
        if (seq > 0) this.use(context);
        yield make(seq);
      }
      await gates.maybe(0.1);
    } finally {
      left();
      world.mayThrow(0.02);
    }
  }

  private async collect<I, O>(
    requests: AsyncIterable<I>,
    context: ServerContext,
    make: Make<O>,
  ): Promise<O> {
    const { world } = this;
    const { dice, gates } = world;
    this.watch(context);
    this.use(context);
    return world.atWork(`the client-streaming handler of call ${callOf(context)}`, async () => {
      await gates.maybe(0.1);
      if (dice.chance(0.15)) return make(0);
      for await (const _ of requests) {
        await gates.maybe(0.1);
        world.mayThrow(0.03);
        if (dice.chance(0.1)) break;
      }
      await gates.maybe(0.1);
      if (world.rarely(0.01)) return undefined as O;
      return make(0);
    });
  }

  private converse<I, O>(
    requests: AsyncIterable<I>,
    context: ServerContext,
    make: Make<O>,
  ): Iterable<O> | AsyncIterable<O> {
    const { dice } = this.world;
    if (dice.chance(0.4)) return this.answers(context, make);
    return this.replies(requests, context, make);
  }

  private async *replies<I, O>(
    requests: AsyncIterable<I>,
    context: ServerContext,
    make: Make<O>,
  ): AsyncGenerator<O> {
    const { world } = this;
    const { dice, gates } = world;
    this.use(context);
    const left = world.begin(`the replies of call ${callOf(context)}`);
    let seq = 0;
    try {
      if (dice.chance(0.1)) {
        const iterator = requests[Symbol.asyncIterator]();
        await Promise.allSettled([iterator.next(), iterator.next(), iterator.next()]);
      }
      for await (const _ of requests) {
        await gates.maybe(0.1);
        world.mayThrow(0.03);
        for (let count = dice.int(3); count > 0; count -= 1) {
          yield make(seq);
          seq += 1;
        }
        if (dice.chance(0.05)) return;
      }
    } finally {
      left();
    }
  }
}

/** When the signal aborts, or something else comes first. */
function aborted(context: ServerContext, other: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    if (context.signal.aborted) resolve();
    context.signal.addEventListener('abort', () => resolve(), { once: true });
    void other.then(resolve);
  });
}
