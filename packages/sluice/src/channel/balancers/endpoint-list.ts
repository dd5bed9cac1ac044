// The subchannels of a policy that connects to every address, and the state they make together.
// Invariants: a subchannel stays while its address does; a failed one counts as failed until it is
// READY again (sticky TRANSIENT_FAILURE); whatever is IDLE is connected at once.
// gRPC load-balancing.md, gRFC A61 "aggregated connectivity state". Not here: who picks.

import { Status } from '../../grpc/status.ts';
import { endpointText } from '../../transport/connector.ts';
import type { BalancedSubchannel, BalancerContext, Picker } from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import { failing, QUEUEING } from './pickers.ts';

interface Entry {
  readonly subchannel: BalancedSubchannel;
  /** Failed since it was last READY. */
  failed: boolean;
}

/** Keeps a connection to every address and tells its channel who picks among them. */
export class EndpointList {
  private readonly context: BalancerContext;
  private readonly pickerOf: (ready: readonly BalancedSubchannel[]) => Picker;
  private readonly onReady: (subchannel: BalancedSubchannel) => void;
  private readonly entries: Map<string, Entry>;
  private ready: readonly BalancedSubchannel[];
  private lastFailure: string;
  /** True while an update is under way: the state is told once, at its end. */
  private quiet: boolean;

  /**
   * @param pickerOf called when the READY subchannels are others than before; there is one at least
   * @param onReady called for each that is connected, or connected anew, before `pickerOf`
   */
  constructor(
    context: BalancerContext,
    pickerOf: (ready: readonly BalancedSubchannel[]) => Picker,
    onReady: (subchannel: BalancedSubchannel) => void = () => {},
  ) {
    this.context = context;
    this.pickerOf = pickerOf;
    this.onReady = onReady;
    this.entries = new Map();
    this.ready = [];
    this.lastFailure = '';
    this.quiet = false;
  }

  /** READY subchannels, in the order of their addresses. */
  get readySubchannels(): readonly BalancedSubchannel[] {
    return this.ready;
  }

  update(addresses: readonly BackendAddress[]): void {
    this.quiet = true;
    const before = new Map(this.entries);
    this.entries.clear();
    const added: Entry[] = [];
    for (const address of addresses) {
      const key = endpointText(address.endpoint);
      if (this.entries.has(key)) continue;
      const known = before.get(key);
      before.delete(key);
      const entry = known ?? this.entryOf(address);
      if (known === undefined) added.push(entry);
      this.entries.set(key, entry);
    }
    for (const { subchannel } of before.values()) subchannel.release();
    if (addresses.length === 0) {
      this.lastFailure = `the resolver of ${this.context.target} found no addresses`;
    }
    for (const entry of added) this.look(entry);
    this.quiet = false;
    this.tell();
  }

  private entryOf(address: BackendAddress): Entry {
    const entry: Entry = {
      failed: false,
      subchannel: this.context.createSubchannel(address, () => {
        this.look(entry);
        this.tell();
      }),
    };
    return entry;
  }

  private look(entry: Entry): void {
    const { subchannel } = entry;
    if (subchannel.state === 'READY') {
      entry.failed = false;
      this.onReady(subchannel);
    } else if (subchannel.state === 'TRANSIENT_FAILURE') {
      entry.failed = true;
      this.lastFailure = subchannel.lastFailure;
      this.context.requestResolution();
    } else if (subchannel.state === 'IDLE') {
      // Lost, or its backoff is over.
      if (!entry.failed && subchannel.lastFailure !== '') this.context.requestResolution();
      subchannel.connect();
    }
  }

  private tell(): void {
    if (this.quiet) return;
    const entries = [...this.entries.values()];
    const ready: BalancedSubchannel[] = [];
    for (const { subchannel } of entries) if (subchannel.state === 'READY') ready.push(subchannel);
    if (ready.length > 0) {
      const same =
        ready.length === this.ready.length && ready.every((one, i) => one === this.ready[i]);
      this.ready = ready;
      if (!same) this.context.update('READY', this.pickerOf(ready));
      return;
    }
    this.ready = ready;
    if (entries.some(({ failed }) => !failed)) this.context.update('CONNECTING', QUEUEING);
    else this.context.update('TRANSIENT_FAILURE', failing(Status.UNAVAILABLE, this.lastFailure));
  }

  onResolverError(details: string): void {
    if (this.entries.size > 0) return;
    this.lastFailure = details;
    this.tell();
  }

  close(): void {
    for (const { subchannel } of this.entries.values()) subchannel.release();
    this.entries.clear();
    this.ready = [];
  }
}
