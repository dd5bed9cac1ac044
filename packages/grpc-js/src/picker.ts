// What a load balancing policy answers for one call, and the two standard pickers.
// Invariant: `pick` is synchronous and cheap; a picker stands for one state of its policy and is
// replaced, not changed. Not here: how the channel asks one (picker-bridge.ts).

import type { StatusObject } from './call-interface.ts';
import { Status } from './constants.ts';
import type { LoadBalancer } from './load-balancer.ts';
import { Metadata } from './metadata.ts';
import type { SubchannelInterface } from './subchannel-interface.ts';

export enum PickResultType {
  COMPLETE = 0,
  QUEUE = 1,
  TRANSIENT_FAILURE = 2,
  DROP = 3,
}

export type OnCallEnded = (statusCode: Status, details: string, metadata: Metadata) => void;

export interface PickResult {
  pickResultType: PickResultType;
  /** Of COMPLETE: the subchannel to use; null drops the call. */
  subchannel: SubchannelInterface | null;
  /** Of TRANSIENT_FAILURE and DROP: how the call ends. */
  status: StatusObject | null;
  onCallStarted: (() => void) | null;
  onCallEnded: OnCallEnded | null;
}

export interface CompletePickResult extends PickResult {
  pickResultType: PickResultType.COMPLETE;
  subchannel: SubchannelInterface | null;
  status: null;
  onCallStarted: (() => void) | null;
  onCallEnded: OnCallEnded | null;
}

export interface QueuePickResult extends PickResult {
  pickResultType: PickResultType.QUEUE;
  subchannel: null;
  status: null;
  onCallStarted: null;
  onCallEnded: null;
}

export interface TransientFailurePickResult extends PickResult {
  pickResultType: PickResultType.TRANSIENT_FAILURE;
  subchannel: null;
  status: StatusObject;
  onCallStarted: null;
  onCallEnded: null;
}

export interface DropCallPickResult extends PickResult {
  pickResultType: PickResultType.DROP;
  subchannel: null;
  status: StatusObject;
  onCallStarted: null;
  onCallEnded: null;
}

export interface PickArgs {
  metadata: Metadata;
  extraPickInfo: { [key: string]: string };
}

/** The state of a policy at one moment, as calls meet it. */
export interface Picker {
  pick(pickArgs: PickArgs): PickResult;
}

const QUEUED: QueuePickResult = {
  pickResultType: PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};

/** Of TRANSIENT_FAILURE: fails every call that does not wait for ready. */
export class UnavailablePicker implements Picker {
  private status: StatusObject;

  constructor(status?: Partial<StatusObject>) {
    this.status = {
      code: Status.UNAVAILABLE,
      details: 'No connection established',
      metadata: new Metadata(),
      ...status,
    };
  }

  pick(_pickArgs: PickArgs): TransientFailurePickResult {
    return {
      pickResultType: PickResultType.TRANSIENT_FAILURE,
      subchannel: null,
      status: this.status,
      onCallStarted: null,
      onCallEnded: null,
    };
  }
}

/**
 * Of IDLE and CONNECTING: calls wait for the next picker, and the first one makes the policy leave
 * IDLE. What `childPicker` answers, if there is one, goes before waiting.
 */
export class QueuePicker {
  private loadBalancer: LoadBalancer;
  private childPicker?: Picker | undefined;
  private calledExitIdle: boolean;

  constructor(loadBalancer: LoadBalancer, childPicker?: Picker | undefined) {
    this.loadBalancer = loadBalancer;
    this.childPicker = childPicker;
    this.calledExitIdle = false;
  }

  pick(pickArgs: PickArgs): PickResult {
    if (!this.calledExitIdle) {
      this.calledExitIdle = true;
      // Not from inside a pick: it may replace the picker that is being asked.
      process.nextTick(() => this.loadBalancer.exitIdle());
    }
    return this.childPicker === undefined ? { ...QUEUED } : this.childPicker.pick(pickArgs);
  }
}
