// How many connections a channel keeps to one backend: the option, its defaults and its check.
// Invariant: what was resolved is plain data, so that it tells channels apart that share connections.
// gRFC A105 for what scales with the peer's stream limit.
// Not here: when one more is opened or given up (connection-scaling.ts).

import { checkPositive } from '../transport/option-checks.ts';
import { checkNames, type OptionNames } from '../transport/option-names.ts';

/** Connections of a channel to one backend; `ChannelOptions.connections`. */
export interface ConnectionsOptions {
  /**
   * `single` (default, as in other gRPC implementations), `fixed` for `maxConnections` at any time, or
   * `automatic` for one, and more while one holds calls back.
   */
  readonly policy: 'single' | 'fixed' | 'automatic';
  /** Most connections to one backend, 1 to 100; default 4 for `fixed`, 8 for `automatic`. */
  readonly maxConnections?: number | undefined;
  /** `automatic`: milliseconds that calls are held back before another opens; default 50. */
  readonly openAfterMs?: number | undefined;
  /** `automatic`: milliseconds that fewer would have done before one is given up; default 10,000. */
  readonly idleMs?: number | undefined;
}

/** The same with every default in its place. */
export interface ConnectionsSettings {
  readonly policy: 'single' | 'fixed' | 'automatic';
  readonly maxConnections: number;
  readonly openAfterMs: number;
  readonly idleMs: number;
}

/** Connections to one backend that anybody may ask for: servers have a share of memory for each. */
const MOST_CONNECTIONS = 100;

const DEFAULT_FIXED = 4;
const DEFAULT_AUTOMATIC = 8;

/** Milliseconds; many times what a burst of short calls waits on a connection that is enough for it. */
const OPEN_AFTER_MS = 50;

/** Milliseconds; a connection costs a handshake, so load that comes and goes should keep it. */
const IDLE_MS = 10_000;

const NAMES: OptionNames<ConnectionsOptions> = {
  policy: true,
  maxConnections: true,
  openAfterMs: true,
  idleMs: true,
};

/** @throws RangeError that names the option and its value; TypeError for what is no option */
export function connectionsSettings(options: ConnectionsOptions | undefined): ConnectionsSettings {
  const given = options ?? { policy: 'single' };
  checkNames('connections', given, NAMES);
  const { policy, maxConnections, openAfterMs, idleMs } = given;
  if (policy !== 'single' && policy !== 'fixed' && policy !== 'automatic') {
    throw new RangeError(
      `connections.policy is ${String(policy)}; it must be single, fixed or automatic`,
    );
  }
  const most = policy === 'single' ? 1 : MOST_CONNECTIONS;
  checkCount(maxConnections, most, policy);
  checkPositive('connections.openAfterMs', openAfterMs, 'ms');
  checkPositive('connections.idleMs', idleMs, 'ms');
  const usual = { single: 1, fixed: DEFAULT_FIXED, automatic: DEFAULT_AUTOMATIC };
  return {
    policy,
    maxConnections: maxConnections ?? usual[policy],
    openAfterMs: openAfterMs ?? OPEN_AFTER_MS,
    idleMs: idleMs ?? IDLE_MS,
  };
}

function checkCount(value: number | undefined, most: number, policy: string): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new RangeError(
    `connections.maxConnections is ${String(value)}; with the policy ${policy} it must be an integer from 1 to ${most}`,
  );
}
