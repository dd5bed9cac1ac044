// gRPC's connectivity states, between Sluice's names and the numbers that programs know.
// Not here: what they mean.

import type { ConnectivityState as StateName } from 'sluice';
import { ConnectivityState } from './connectivity-state.ts';

const NUMBERS: Readonly<Record<StateName, ConnectivityState>> = {
  IDLE: ConnectivityState.IDLE,
  CONNECTING: ConnectivityState.CONNECTING,
  READY: ConnectivityState.READY,
  TRANSIENT_FAILURE: ConnectivityState.TRANSIENT_FAILURE,
  SHUTDOWN: ConnectivityState.SHUTDOWN,
};

const NAMES: ReadonlyMap<ConnectivityState, StateName> = new Map([
  [ConnectivityState.IDLE, 'IDLE'],
  [ConnectivityState.CONNECTING, 'CONNECTING'],
  [ConnectivityState.READY, 'READY'],
  [ConnectivityState.TRANSIENT_FAILURE, 'TRANSIENT_FAILURE'],
  [ConnectivityState.SHUTDOWN, 'SHUTDOWN'],
]);

export function stateOf(name: StateName): ConnectivityState {
  return NUMBERS[name];
}

/** @throws RangeError for a number that is no state; it comes from programs without types */
export function stateNameOf(state: ConnectivityState): StateName {
  const name = NAMES.get(state);
  if (name !== undefined) return name;
  throw new RangeError(
    `the connectivity state ${String(state)} is none; use one of connectivityState`,
  );
}
