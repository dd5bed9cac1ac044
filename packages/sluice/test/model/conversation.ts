// One run: channels and servers on a simulated platform, and random steps by everybody who has a
// part in it. Every choice comes from one seed, so a failure repeats.
// Not here: what callers (calls.ts), handlers (handlers.ts) and interceptors do, what must be left
// at the end (leftovers.ts).

import { balancerFactory } from '#sluice/channel/balancer.js';
import type { Channel } from '#sluice/channel/channel.js';
import { Metadata } from '#sluice/grpc/metadata.js';
import { isStatus, Status } from '#sluice/grpc/status.js';
import { StatusError } from '#sluice/grpc/status-error.js';
import type { ServerContext } from '#sluice/server/context.js';
import type { Server } from '#sluice/server/server.js';
import { SimulatedPlatform } from '../support/simulated-platform.js';
import { type ModelResolver, useConversation } from './balancing.js';
import { Callers, type ModelCall } from './calls.js';
import { Dice } from './dice.js';
import { encodeFor } from './encoding.js';
import { Gates } from './gates.js';
import type { CallbackCall } from './handlers.js';
import { Leftovers } from './leftovers.js';
import { ModelError } from './messages.js';
import type { RawCall } from './raw-call.js';
import { Scenery } from './scenery.js';

const POLICIES: readonly string[] = [
  'pick_first',
  'round_robin',
  'ring_hash_experimental',
  'weighted_round_robin',
  'least_request_experimental',
].filter((name) => balancerFactory(name) !== undefined);

const MAX_STEPS = 250;

export class Conversation {
  readonly seed: number;
  readonly dice: Dice;
  readonly gates: Gates;
  readonly platform: SimulatedPlatform;
  readonly calls: ModelCall[] = [];
  readonly rawCalls: RawCall[] = [];
  readonly callbackCalls: CallbackCall[] = [];
  readonly resolvers: Set<ModelResolver> = new Set();
  readonly channels: Channel[] = [];
  readonly servers: Server[] = [];
  /** Promises of `close` and `drain`, by what they are of; settled ones are gone. */
  readonly pending: Map<Promise<unknown>, string> = new Map();
  /** Texts of statuses, without their numbers. */
  readonly details: Set<string> = new Set();
  readonly problems: string[] = [];
  /** What happened, for whoever replays a seed. */
  readonly log: string[] = [];
  /** Those that somebody in the model threw. */
  readonly ownErrors: WeakSet<object> = new WeakSet();
  /** Handlers at work, and iterables that were begun and not left. */
  readonly underWay: Set<{ readonly what: string }> = new Set();
  /** Attempts that balancers heard the start of, and not the end. */
  tracked = 0;
  isEnding = false;
  /** Peers that speak nonsense, and listen for good. */
  madListeners = 0;
  /** The peers and the network do as they should: what arrives can be held to what was sent. */
  readonly isClean: boolean;
  readonly isIntercepted: boolean;
  readonly isServerIntercepted: boolean;
  /** How often a codec fails. */
  readonly failing: number;
  /** How often anything else does, between 0 and 1. */
  private readonly mischief: number;
  private readonly mostMessage: number;
  private readonly mostCalls: number;
  readonly scenery: Scenery;
  readonly leftovers: Leftovers;
  private readonly callers: Callers;

  constructor(seed: number) {
    const dice = new Dice(seed);
    this.seed = seed;
    this.dice = dice;
    this.gates = new Gates(dice);
    const faultRate = dice.chance(0.25) ? dice.pick(0.002, 0.02, 0.1) : 0;
    const isMad = dice.chance(0.15);
    this.isClean = faultRate === 0 && !isMad;
    this.isIntercepted = dice.chance(0.2);
    this.isServerIntercepted = dice.chance(0.25);
    this.failing = dice.pick(0, 0, 0.02, 0.1);
    this.mischief = dice.pick(0, 0.3, 1);
    this.mostMessage = dice.pick(1, 30, 1_000, 1_000, 20_000, 200_000);
    this.mostCalls = dice.pick(3, 8, 25);
    this.scenery = new Scenery(this, {
      faultRate,
      isMad,
      mostChunk: this.mostMessage > 20_000 ? 65_536 : dice.pick(32, 1_000, 65_536, 65_536),
      capacity: dice.pick(1_000, 100_000, Number.POSITIVE_INFINITY),
    });
    this.platform = new SimulatedPlatform({
      random: dice.random,
      connectMs: () => dice.pick(0, 1, 30, 400),
      wireOptions: () => this.scenery.wireOptions(),
    });
    this.callers = new Callers(this);
    this.leftovers = new Leftovers(this);
  }

  // What everybody uses.

  note(text: string): void {
    this.log.push(`${Math.round(this.platform.clock.now() % 2 ** 28)} ${text}`);
  }

  complain(text: string): void {
    this.note(`PROBLEM ${text}`);
    this.problems.push(text);
  }

  /** An error of somebody's own, of any kind. */
  error(): Error {
    const made = this.madeError();
    this.ownErrors.add(made);
    return made;
  }

  private madeError(): Error {
    const { dice } = this;
    const code = dice.int(17);
    switch (dice.int(6)) {
      case 0:
        return new StatusError(isStatus(code) ? code : Status.UNKNOWN, 'thrown');
      case 1:
        return new StatusError(Status.UNAVAILABLE, 'thrown', {
          metadata: new Metadata([['grpc-retry-pushback-ms', dice.pick('10', '-1')]]),
        });
      default:
        return new ModelError('thrown');
    }
  }

  mayThrow(probability: number): void {
    if (!this.isEnding && this.rarely(probability)) throw this.error();
  }

  /** So often, where all goes wrong that may; else less, or never. */
  rarely(probability: number): boolean {
    return this.dice.chance(probability * this.mischief);
  }

  /** Bytes of a message behind its head. */
  length(): number {
    return this.dice.size(this.mostMessage) - 1;
  }

  encoding(): string {
    return this.dice.pick('gzip', 'model', 'deflate', 'identity');
  }

  /** Something begins that has to end; the answer ends it. */
  begin(what: string): () => void {
    const entry = { what };
    this.underWay.add(entry);
    return () => void this.underWay.delete(entry);
  }

  /** A load balancing policy. */
  policy(): string {
    return this.dice.pick('model_policy', 'model_policy', ...POLICIES);
  }

  async atWork<T>(what: string, work: () => Promise<T>): Promise<T> {
    const done = this.begin(what);
    try {
      return await work();
    } finally {
      done();
    }
  }

  /** One more call; of a handler, where there is a context. */
  call(parent: ServerContext | undefined): Promise<void> {
    const channel = this.dice.among(this.channels);
    if (channel === undefined || this.isEnding || this.calls.length >= this.mostCalls) {
      return Promise.resolve();
    }
    return this.callers.start(channel, parent);
  }

  /** What may come from inside any callback. */
  reenter(): void {
    const { dice } = this;
    if (!dice.chance(0.06)) return;
    switch (dice.int(6)) {
      case 0:
      case 1:
        void this.call(undefined);
        break;
      case 2:
        dice.among(this.calls)?.aborter.abort();
        break;
      case 3:
        dice.among(this.rawCalls)?.act();
        break;
      case 4:
        if (dice.chance(0.2)) this.scenery.closeChannel();
        break;
      default:
        if (dice.chance(0.3)) dice.among(this.platform.network.wires)?.reset();
    }
  }

  // The run.

  async run(): Promise<void> {
    useConversation(this);
    encodeFor(this);
    this.platform.install();
    try {
      this.scenery.open();
      if (this.dice.chance(0.7)) {
        for (const channel of this.channels) channel.connect();
        await this.platform.pass(500, 100);
      }
      const steps = 20 + this.dice.int(MAX_STEPS);
      for (let i = 0; i < steps; i += 1) {
        await this.step();
        if (i % 8 === 0) this.leftovers.look();
      }
      await this.finish();
    } finally {
      this.platform.restore();
    }
  }

  private async step(): Promise<void> {
    const { dice, platform } = this;
    const { network } = platform;
    const choice = dice.random() * 100;
    if (choice < 15) void this.call(undefined);
    else if (choice < 38) platform.turns.run();
    else if (choice < 55) await platform.breathe();
    else if (choice < 66) this.gates.openOne();
    else if (choice < 76) platform.clock.advance(dice.random() * 20);
    else if (choice < 79) platform.clock.advance(dice.random() * 2_000);
    else if (choice < 79.5) platform.clock.advance(dice.random() * 60_000);
    else if (choice < 82) dice.among(this.calls)?.aborter.abort();
    else if (choice < 89) dice.among(this.rawCalls)?.act();
    else if (choice < 92) dice.among(this.callbackCalls)?.act();
    else if (choice < 93) this.scenery.hold();
    else if (choice < 95) for (const wire of network.wires) wire.release();
    else if (choice < 95.4) this.scenery.breakWire();
    else if (choice < 96.2) this.scenery.stopServer(dice.chance(0.6));
    else if (choice < 97.2) this.scenery.restartServers();
    else if (choice < 97.6) for (const resolver of [...this.resolvers]) resolver.answer();
    else if (choice < 97.9) this.scenery.closeChannel();
    else if (choice < 98.3) this.scenery.moreChannels();
    else if (choice < 98.5) this.scenery.silence();
    else if (choice < 99) this.scenery.madClient();
    else if (choice < 99.4) this.watch();
    else await this.leftovers.checkAccounts();
  }

  private watch(): void {
    const { dice } = this;
    const channel = dice.among(this.channels);
    if (channel === undefined) return;
    if (dice.chance(0.3)) channel.ready().catch(() => {});
    if (dice.chance(0.3)) channel.connect();
    const timeoutMs = dice.pick(0, 10, 1_000);
    channel.watchState(channel.state, { timeoutMs }).catch((error: unknown) => {
      if (!(error instanceof StatusError)) this.complain(`watchState: ${String(error)}`);
    });
    this.leftovers.checkStats();
  }

  /** Everybody goes on to the end; then nothing may be left. */
  private async finish(): Promise<void> {
    const { dice, gates, platform } = this;
    const { network } = platform;
    for (const wire of network.wires) wire.release();
    await this.leftovers.checkAccounts();
    this.isEnding = true;
    network.silent.clear();
    gates.openAll();
    const patience = dice.pick(1, 3, 30);
    for (let round = 0; round < patience && this.someoneIsBusy(); round += 1) {
      for (const call of this.rawCalls) call.act();
      for (const call of this.callbackCalls) if (dice.chance(0.3)) call.end();
      await platform.pass(dice.pick(10, 1_000));
      this.leftovers.look();
    }
    for (const call of this.callbackCalls) call.end();
    for (const call of this.calls) if (!call.isOver) call.aborter.abort();
    await platform.pass(100, 50);
    this.leftovers.assertCallsOver();
    await this.leftovers.checkAccounts();
    this.leftovers.assertAtRest();
    const isChannelFirst = dice.chance(0.5);
    if (isChannelFirst) while (this.channels.length > 0) this.scenery.closeChannel();
    this.scenery.closeServers();
    while (this.channels.length > 0) this.scenery.closeChannel();
    await platform.pass(35_000, 5_000);
    for (const wire of network.wires) if (!this.isClean) wire.reset();
    await platform.settle();
    this.leftovers.assertNothing();
  }

  private someoneIsBusy(): boolean {
    return this.calls.some((call) => !call.isOver);
  }
}
