// The open loop of a soak's client: planned calls at a rate, over channels that come and go.
// Invariants: calls are due by the clock, whatever became of the ones before; a channel that is given
// up is closed at once, its calls with it, or after the last of them; every call is in the ledger.
// Not here: what a call does (plan.ts), how a runtime makes it (sluice-client.ts, grpc-js-client.ts).

import { setTimeout as pause } from 'node:timers/promises';
import { type Account, Ledger } from './ledger.ts';
import { planCall } from './plan.ts';
import type { Ports } from './protocol.ts';
import type { Random } from './random.ts';
import type { ChannelPlan, SoakChannel } from './runtime.ts';
import { inTime } from './turns.ts';

/** Milliseconds between two looks at what is due. */
const TICK_MS = 10;

/** Calls under way; past it none is begun, and the time they were due is let pass. */
const MOST_OPEN = 300;

/** Milliseconds that the loop makes up for where it was late: a soak is no storm. */
const LATE_MS = 100;

/** Milliseconds that a call may take at the most: three times the longest that is planned. */
export const OVERDUE_MS = 60_000;

/** Milliseconds within which a channel has to close. */
const CLOSE_MS = 15_000;

/** Milliseconds that a channel lives. */
const LIFE_MS = [3_000, 20_000] as const;

/** Share of the channels that are closed with calls open. */
const ABRUPT_SHARE = 0.4;

type Template = Omit<ChannelPlan, 'closed' | 'shared' | 'interceptors' | 'compresses'>;

/** One of each is open at any time. */
function templates(ports: Ports): readonly Template[] {
  const { aging, steady, restarted, broken, silent } = ports;
  const calm = { road: 'calm', connections: 'single', keepalive: false, observes: false } as const;
  const all = [restarted, aging, steady];
  return [
    { ...calm, name: 'single', ports: [aging], policy: 'pick_first', observes: true },
    { ...calm, name: 'fixed', ports: [aging], policy: 'pick_first', connections: 'fixed' },
    { ...calm, name: 'automatic', ports: [steady], policy: 'pick_first', connections: 'automatic' },
    { ...calm, name: 'round-robin', ports: all, policy: 'round_robin' },
    { ...calm, name: 'least-request', ports: all, policy: 'least_request' },
    { ...calm, name: 'ring-hash', ports: [aging, steady], policy: 'ring_hash' },
    { ...calm, name: 'broken', road: 'faulty', ports: [broken], policy: 'pick_first' },
    { ...calm, name: 'broken-2', road: 'faulty', ports: [broken, steady], policy: 'round_robin' },
    {
      ...calm,
      name: 'silent',
      road: 'faulty',
      ports: [silent],
      policy: 'pick_first',
      keepalive: true,
    },
  ];
}

/** A channel, and the calls that are open on it. */
interface Slot {
  readonly template: Template;
  plan: ChannelPlan;
  channel: SoakChannel;
  calls: number;
  closeAtMs: number;
}

export class Load {
  readonly ledger: Ledger;
  channelsMade: number;
  /** Closes that took too long. */
  readonly stuck: string[];
  private readonly random: Random;
  private readonly open: (plan: ChannelPlan) => SoakChannel;
  private readonly slots: Slot[];
  private readonly closing: Set<Promise<void>>;
  private readonly intervalMs: number;
  private timer: NodeJS.Timeout | undefined;
  private nextDueMs: number;
  private nextId: number;

  constructor(open: (plan: ChannelPlan) => SoakChannel, ports: Ports, rps: number, random: Random) {
    this.ledger = new Ledger();
    this.channelsMade = 0;
    this.stuck = [];
    this.random = random;
    this.open = open;
    this.closing = new Set();
    this.intervalMs = 1_000 / rps;
    this.timer = undefined;
    this.nextDueMs = 0;
    this.nextId = 1;
    this.slots = templates(ports).map((template) => this.slotOf(template));
  }

  // The loop.

  resume(): void {
    this.nextDueMs = performance.now();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Begins no further calls; answers whether all have ended in time. */
  pause(withinMs: number): Promise<boolean> {
    clearInterval(this.timer);
    this.timer = undefined;
    return this.ledger.allEnded(withinMs);
  }

  private tick(): void {
    const now = performance.now();
    this.nextDueMs = Math.max(this.nextDueMs, now - LATE_MS);
    for (; this.nextDueMs <= now; this.nextDueMs += this.intervalMs) {
      if (this.ledger.open < MOST_OPEN) this.begin();
    }
    for (let i = 0; i < this.slots.length; i += 1) {
      const slot = this.slots[i];
      if (slot !== undefined && slot.closeAtMs <= now) this.slots[i] = this.renewed(slot);
    }
    if (this.random.chance(TICK_MS / 2_000)) this.random.pick(...this.some()).channel.observe();
  }

  private some(): [Slot, ...Slot[]] {
    const [first, ...others] = this.slots;
    if (first === undefined) throw new Error('a soak has channels');
    return [first, ...others];
  }

  private begin(): void {
    const { random } = this;
    const slot = random.pick(...this.some());
    const plan = planCall(this.nextId, random, slot.plan.road);
    this.nextId += 1;
    const entry = this.ledger.begin(plan, slot.plan, () => this.ended(slot));
    slot.calls += 1;
    const cancel = slot.channel.begin(plan, entry);
    if (entry.ended) return;
    entry.cancel = cancel;
    if (plan.cancel === 'before') cancel();
    else if (plan.cancel === 'during') entry.timer = setTimeout(cancel, plan.cancelAfterMs);
  }

  // Channels.

  private slotOf(template: Template): Slot {
    const { random } = this;
    const plan: ChannelPlan = {
      ...template,
      closed: false,
      shared: random.chance(0.6),
      interceptors: random.chance(0.3),
      compresses: random.chance(0.15),
    };
    this.channelsMade += 1;
    const closeAtMs = performance.now() + random.between(...LIFE_MS);
    return { template, plan, channel: this.open(plan), calls: 0, closeAtMs };
  }

  /** The slot that takes the place of `slot`, whose channel goes now or after its last call. */
  private renewed(slot: Slot): Slot {
    if (this.random.chance(ABRUPT_SHARE) || slot.calls === 0) this.close(slot);
    else slot.closeAtMs = Number.NEGATIVE_INFINITY;
    return this.slotOf(slot.template);
  }

  private ended(slot: Slot): void {
    slot.calls -= 1;
    if (slot.calls === 0 && slot.closeAtMs === Number.NEGATIVE_INFINITY) this.close(slot);
  }

  private close(slot: Slot): void {
    slot.plan.closed = true;
    const closed = inTime(slot.channel.close(), CLOSE_MS).then((isClosed) => {
      if (!isClosed) this.stuck.push(`a channel (${slot.plan.name}) did not close`);
      this.closing.delete(closed);
    });
    this.closing.add(closed);
  }

  // The end.

  /** The account of all calls, once they have ended or are overdue. */
  async stop(): Promise<{ account: Account; overdue: readonly string[] }> {
    await this.pause(OVERDUE_MS);
    return { account: this.ledger.account(), overdue: this.ledger.overdue(0) };
  }

  /** Streams that are open on the channels in use. */
  streams(): number {
    return this.slots.reduce((sum, { channel }) => sum + channel.streams(), 0);
  }

  /**
   * Closes every channel.
   * @returns streams that were open on them although no call was
   */
  async closeAll(): Promise<number> {
    await Promise.all(this.slots.map(({ channel }) => channel.stopObserving()));
    const until = performance.now() + CLOSE_MS;
    while (this.streams() > 0 && performance.now() < until) await pause(50);
    const streams = this.streams();
    for (const slot of this.slots) this.close(slot);
    await Promise.all(this.closing);
    return streams + this.streams();
  }
}
