// The channels of this process, for whoever shows them (services/channelz.ts).
// Invariant: a channel is here until it is closed, or is forgotten by the program: being here keeps
// none alive.

import type { RuntimeStats } from '../transport/connection-stats.ts';
import type { AskedCall } from '../transport/worst-stall.ts';
import type { CallCounts } from './call-handle.ts';
import type { ConnectivityState, Subchannel } from './subchannel.ts';

/** A channel as it is shown. */
export interface LiveChannel {
  readonly target: string;
  readonly state: ConnectivityState;
  readonly counts: CallCounts;
  subchannels(): ReadonlySet<Subchannel>;
  stats(): RuntimeStats;
  explain(): string;
  /** The calls on its connections, by the connections' peers. */
  openCalls(): Iterable<readonly [peer: string, calls: readonly AskedCall[]]>;
}

/** Channels, in the order in which they were made. */
export class LiveChannels {
  private readonly refs: Map<number, WeakRef<LiveChannel>>;
  private readonly numbers: WeakMap<LiveChannel, number>;
  private readonly forgotten: FinalizationRegistry<number>;
  private readonly faces: WeakMap<object, LiveChannel>;
  private next: number;

  constructor() {
    this.refs = new Map();
    this.numbers = new WeakMap();
    this.faces = new WeakMap();
    this.forgotten = new FinalizationRegistry((number) => {
      this.refs.delete(number);
    });
    this.next = 1;
  }

  add(channel: LiveChannel): void {
    const number = this.next;
    this.next += 1;
    this.refs.set(number, new WeakRef(channel));
    this.numbers.set(channel, number);
    this.forgotten.register(channel, number);
  }

  delete(channel: LiveChannel): void {
    const number = this.numbers.get(channel);
    if (number !== undefined) this.refs.delete(number);
  }

  /** `face` is what a program holds of a channel. */
  show(face: object, channel: LiveChannel): void {
    this.faces.set(face, channel);
  }

  /** What there is to show of a channel that a program holds. */
  behind(face: object): LiveChannel | undefined {
    return this.faces.get(face);
  }

  /** Those that are there now. */
  all(): LiveChannel[] {
    const found: LiveChannel[] = [];
    for (const ref of this.refs.values()) {
      const channel = ref.deref();
      if (channel !== undefined) found.push(channel);
    }
    return found;
  }
}

/** The channels of this process. */
export const liveChannels: LiveChannels = /* @__PURE__ */ new LiveChannels();
