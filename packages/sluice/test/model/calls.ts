// The callers of a run: calls of every kind, by path and by method, that read, write, leave, cancel
// and throw as their dice say; and what each of them heard.
// Invariant asserted here: exactly one outcome for each call, nothing after it, and what a caller
// hears is its own, whole and in order.

import type { CallOptions } from '#sluice/channel/call-options.js';
import type { Channel } from '#sluice/channel/channel.js';
import { Metadata } from '#sluice/grpc/metadata.js';
import type { MethodKind } from '#sluice/grpc/method.js';
import { isStatus, Status, statusName } from '#sluice/grpc/status.js';
import { StatusError } from '#sluice/grpc/status-error.js';
import type { ServerContext } from '#sluice/server/context.js';
import type { Conversation } from './conversation.js';
import { clientInterceptor } from './interceptors.js';
import {
  KINDS,
  ModelError,
  type ModelMessage,
  messageBytes,
  modelMethod,
  pathOf,
  readMessage,
  SERVICES,
} from './messages.js';
import { RawCall } from './raw-call.js';
import { credentials } from './settings.js';

/** Errors of misuse that the model provokes. */
const MISUSE =
  /can be iterated once only|an interceptor of|next was given|must be a Uint8Array|is not iterable|is not a function|is not an object/;

/** Nothing of this kind may reach a caller as a status. */
const BUG = /undefined|Cannot read|is not a function|is not iterable/;

/** One call, as whoever made it knows it. */
export class ModelCall {
  readonly id: number;
  readonly what: string;
  readonly aborter: AbortController = new AbortController();
  readonly isIntercepted: boolean;
  outcome = '';
  ends = 0;
  headers = 0;
  trailers = 0;
  received = 0;
  private readonly world: Conversation;

  constructor(world: Conversation, id: number, what: string, isIntercepted: boolean) {
    this.world = world;
    this.id = id;
    this.what = what;
    this.isIntercepted = isIntercepted;
  }

  get isOver(): boolean {
    return this.ends > 0;
  }

  onHeader(): void {
    this.headers += 1;
    if (this.isOver) this.complain('headers after the end');
    if (this.headers > 1) this.complain('headers twice');
    if (this.trailers > 0) this.complain('headers after the trailers');
    this.world.reenter();
  }

  onTrailer(): void {
    this.trailers += 1;
    if (this.isOver) this.complain('trailers after the end');
    if (this.trailers > 1) this.complain('trailers twice');
    this.world.reenter();
  }

  onMessage(message: unknown): void {
    const seq = this.received;
    this.received += 1;
    if (this.isOver) this.complain('a message after the end');
    if (!this.world.isClean) return;
    let read: ModelMessage;
    try {
      read = message instanceof Uint8Array ? readMessage(message) : (message as ModelMessage);
    } catch (error) {
      if (message instanceof Uint8Array && message.length === 0) return;
      this.complain(String(error));
      return;
    }
    if (read.call !== this.id) this.complain(`a message of call ${read.call}`);
    if (!this.isIntercepted && read.seq !== seq) this.complain(`message ${read.seq}, not ${seq}`);
  }

  /** @param error what the call ended with; undefined for OK */
  end(error: unknown): void {
    this.ends += 1;
    if (this.ends > 1) this.complain('ended twice');
    this.outcome = this.judge(error);
    this.world.note(`${this.what} ended with ${this.outcome}`);
  }

  private judge(error: unknown): string {
    if (error === undefined) return 'OK';
    if (error instanceof ModelError || this.world.ownErrors.has(Object(error)))
      return 'an error of its own';
    if (error instanceof StatusError) {
      const { code, details } = error;
      if (!isStatus(code)) this.complain(`status ${code}`);
      if (code === Status.OK) this.complain('rejected with OK');
      if (BUG.test(details)) this.complain(details);
      this.world.details.add(details.replaceAll(/\d+/g, 'n'));
      return statusName(code);
    }
    const text = String(error);
    if (!MISUSE.test(text)) {
      this.complain(error instanceof Error ? String(error.stack) : text);
    }
    return 'misuse';
  }

  complain(text: string): void {
    this.world.complain(`${this.what}: ${text}`);
  }
}

/** Makes the calls of a run. */
export class Callers {
  private readonly world: Conversation;

  constructor(world: Conversation) {
    this.world = world;
  }

  /** A call of any kind; settles when it is over. */
  async start(channel: Channel, parent: ServerContext | undefined): Promise<void> {
    const { world } = this;
    const { dice, calls } = world;
    const kind = dice.among(KINDS) ?? 'unary';
    const service = dice.among(SERVICES) ?? 'model.Plain';
    const isTyped = dice.chance(0.4);
    const isRaw = dice.chance(0.15);
    const own = isRaw ? undefined : dice.maybe(0.15, () => [clientInterceptor(world)]);
    const id = calls.length + 1;
    const what = `call ${id} ${service} ${isRaw ? 'raw' : kind}${isTyped ? ' typed' : ''}`;
    const isIntercepted = !isRaw && (own !== undefined || world.isIntercepted);
    const call = new ModelCall(world, id, what, isIntercepted || world.isServerIntercepted);
    calls.push(call);
    world.note(`${what} begins`);
    const options: CallOptions = { ...this.options(call), parent, interceptors: own };
    if (isRaw) {
      const path = dice.pick(
        pathOf(service, kind, false),
        `/${service}/Callbacks`,
        `/${service}/Nobody`,
      );
      new RawCall(world, call).begin(channel, path, options);
      return;
    }
    try {
      await this.run(channel, service, kind, isTyped, call, options);
    } catch (error) {
      call.end(error);
      return;
    }
    call.end(undefined);
  }

  private options(call: ModelCall): CallOptions {
    const { dice } = this.world;
    const metadata = new Metadata();
    metadata.set('call', String(call.id));
    if (this.world.rarely(0.08)) metadata.set('filler', 'x'.repeat(dice.size(20_000)));
    return {
      metadata,
      signal: call.aborter.signal,
      timeoutMs: dice.maybe(0.3, () =>
        this.world.rarely(0.2) ? dice.pick(-5, 0, 1) : dice.pick(20, 300, 5_000),
      ),
      credentials: this.world.rarely(0.02) ? () => credentials(this.world) : undefined,
      waitForReady: dice.maybe(0.3, () => dice.chance(0.7)),
      compress: dice.maybe(0.15, () => this.world.encoding()),
      maxSendMessageLength: this.world.rarely(0.05) ? dice.size(1_000) : undefined,
      maxReceiveMessageLength: this.world.rarely(0.05) ? dice.size(1_000) : undefined,
      onHeader: () => {
        call.onHeader();
        this.world.mayThrow(0.02);
      },
      onTrailer: () => {
        call.onTrailer();
        this.world.mayThrow(0.02);
      },
    };
  }

  private async run(
    channel: Channel,
    service: string,
    kind: MethodKind,
    isTyped: boolean,
    call: ModelCall,
    options: CallOptions,
  ): Promise<void> {
    const { dice } = this.world;
    if (isTyped) {
      const method = modelMethod(service, kind, dice, this.world.failing);
      const make = (seq: number): ModelMessage => ({
        call: call.id,
        seq,
        length: this.world.length(),
      });
      switch (kind) {
        case 'unary':
          call.onMessage(await channel.unary(method, make(0), options));
          return;
        case 'clientStreaming':
          call.onMessage(
            await channel.clientStreaming(method, this.requests(call.id, make), options),
          );
          return;
        case 'serverStreaming':
          await this.consume(channel.serverStreaming(method, make(0), options), call);
          return;
        default:
          await this.consume(
            channel.bidiStreaming(method, this.requests(call.id, make), options),
            call,
          );
          return;
      }
    }
    const path = pathOf(service, kind, false);
    const make = (seq: number): Uint8Array =>
      messageBytes({ call: call.id, seq, length: this.world.length() });
    switch (kind) {
      case 'unary':
        call.onMessage(await channel.unary(path, make(0), options));
        return;
      case 'clientStreaming':
        call.onMessage(await channel.clientStreaming(path, this.requests(call.id, make), options));
        return;
      case 'serverStreaming':
        await this.consume(channel.serverStreaming(path, make(0), options), call);
        return;
      default:
        await this.consume(
          channel.bidiStreaming(path, this.requests(call.id, make), options),
          call,
        );
    }
  }

  private requests<T>(id: number, make: (seq: number) => T): Iterable<T> | AsyncIterable<T> {
    const { dice } = this.world;
    if (dice.chance(0.3)) return Array.from({ length: dice.int(5) }, (_, seq) => make(seq));
    return this.generated(id, make);
  }

  private async *generated<T>(id: number, make: (seq: number) => T): AsyncGenerator<T> {
    const { world } = this;
    const { dice, gates } = world;
    const count = dice.chance(0.1) ? 100 : dice.int(6);
    const left = world.begin(`the requests of call ${id}`);
    try {
      for (let seq = 0; seq < count; seq += 1) {
        await gates.maybe(0.2);
        world.mayThrow(0.03);
        // As a program without types may.
        if (world.rarely(0.01)) yield 'no bytes' as T;
        yield make(seq);
      }
      await gates.maybe(0.1);
    } finally {
      left();
      world.mayThrow(0.02);
    }
  }

  private async consume(stream: AsyncIterableIterator<unknown>, call: ModelCall): Promise<void> {
    const { dice, gates } = this.world;
    for (;;) {
      await gates.maybe(0.12);
      if (dice.chance(0.04)) {
        await stream.return?.();
        break;
      }
      if (dice.chance(0.04)) {
        if (await this.severalAtOnce(stream, call)) break;
        continue;
      }
      const { value, done } = await stream.next();
      if (done === true) break;
      call.onMessage(value);
    }
    const after = await stream.next();
    if (after.done !== true) call.complain('a message behind the end');
  }

  /** Answers whether the iteration is done. */
  private async severalAtOnce(
    stream: AsyncIterableIterator<unknown>,
    call: ModelCall,
  ): Promise<boolean> {
    const results = await Promise.allSettled([stream.next(), stream.next(), stream.next()]);
    let isDone = false;
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      if (result.value.done === true) isDone = true;
      else if (isDone) call.complain('a message behind the last');
      else call.onMessage(result.value.value);
    }
    return isDone;
  }
}
