// The subchannels of a process, shared between channels whose options agree: two channels to one
// backend then use one connection, as in other gRPC implementations.
// Invariants: a subchannel is in the pool while somebody uses it; what differs in any setting is
// never shared. Not here: what a subchannel does (subchannel.ts).

import { endpointText } from '../transport/connector.ts';
import { Subchannel, type SubchannelOptions } from './subchannel.ts';

/** Gives out subchannels; the same one for the same settings. */
export class SubchannelPool {
  private readonly byKey: Map<string, Subchannel>;

  constructor() {
    this.byKey = new Map();
  }

  /** Subchannels in use. */
  get size(): number {
    return this.byKey.size;
  }

  /** The caller adds itself as a user before anything else runs. */
  take(options: SubchannelOptions): Subchannel {
    const key = keyOf(options);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const made = new Subchannel(options, () => this.byKey.delete(key));
    this.byKey.set(key, made);
    return made;
  }
}

/** The pool of this process. */
export const processPool: SubchannelPool = /* @__PURE__ */ new SubchannelPool();

// TLS settings hold keys, callbacks and sockets' contexts: the same object is the same setting.
const identities = new WeakMap<object, number>();
let nextIdentity = 1;

function identityOf(value: object | undefined): number {
  if (value === undefined) return 0;
  const known = identities.get(value);
  if (known !== undefined) return known;
  identities.set(value, nextIdentity);
  nextIdentity += 1;
  return nextIdentity - 1;
}

function keyOf(options: SubchannelOptions): string {
  const { endpoint, secure, wheel, ...plain } = options;
  const tunnel = 'tunnel' in endpoint ? endpoint.tunnel : undefined;
  return JSON.stringify([
    endpointText(endpoint),
    tunnel,
    identityOf(secure),
    identityOf(wheel),
    plain,
  ]);
}
