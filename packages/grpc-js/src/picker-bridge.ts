// The picker of a program's policy, asked by Sluice for each call.
// Invariants: what it picks is unwrapped to Sluice's own subchannel; metadata is made for a picker that
// looks at it. Not here: what a picker is (picker.ts), config selectors (config-selector-bridge.ts).

import {
  type PickInfo,
  type PickTracker,
  Metadata as SluiceMetadata,
  type PickResult as SluicePick,
  type Picker as SluicePicker,
  type Status as SluiceStatus,
} from 'sluice';
import { Status } from './constants.ts';
import type { Metadata } from './metadata.ts';
import { fromSluice } from './metadata-bridge.ts';
import type { PickInformation } from './pick-information.ts';
import {
  type OnCallEnded,
  type PickArgs,
  type Picker,
  type PickResult,
  PickResultType,
} from './picker.ts';
import type { Subchannel } from './subchannel.ts';

const QUEUE: SluicePick = { kind: 'queue' };
const DROPPED: SluicePick = {
  kind: 'drop',
  code: Status.UNAVAILABLE as number as SluiceStatus,
  details: 'Request dropped by load balancing policy',
};
const NO_INFORMATION: { [key: string]: string } = {};

/** What a picker is told of a call. Most pickers never look at the metadata. */
class CallArgs implements PickArgs {
  extraPickInfo: { [key: string]: string };
  private readonly fields: readonly string[];
  private made: Metadata | undefined;

  constructor(call: PickInfo, extraPickInfo: { [key: string]: string }) {
    this.extraPickInfo = extraPickInfo;
    this.fields = call.fields;
    this.made = undefined;
  }

  get metadata(): Metadata {
    this.made ??= fromSluice(SluiceMetadata.fromFields(this.fields));
    return this.made;
  }
}

/** Tells whoever picked how the call went. */
class CallTracker implements PickTracker {
  private readonly started: (() => void) | null;
  private readonly ended: OnCallEnded | null;

  constructor(started: (() => void) | null, ended: OnCallEnded | null) {
    this.started = started;
    this.ended = ended;
  }

  onStart(): void {
    this.started?.();
  }

  onEnd(code: SluiceStatus, trailers: readonly string[], details?: string): void {
    if (this.ended === null) return;
    this.ended(statusOf(code), details ?? '', fromSluice(SluiceMetadata.fromFields(trailers)));
  }
}

// Both name the codes of gRPC by the same numbers.
export function statusOf(code: SluiceStatus): Status {
  return code as number as Status;
}

export function sluiceStatusOf(code: Status): SluiceStatus {
  return code as number as SluiceStatus;
}

/** A call that ends before it began cannot end with OK. */
export function failureCodeOf(code: Status): SluiceStatus {
  return sluiceStatusOf(code === Status.OK ? Status.UNKNOWN : code);
}

/** One picker for the calls of a channel. */
export class BridgedPicker implements SluicePicker {
  private readonly picker: Picker;
  private readonly information: PickInformation;

  constructor(picker: Picker, information: PickInformation) {
    this.picker = picker;
    this.information = information;
  }

  pick(call: PickInfo): SluicePick {
    const extra = this.information.configOf(call)?.pickInformation ?? NO_INFORMATION;
    return sluicePick(this.picker.pick(new CallArgs(call, extra)));
  }
}

function codeOf({ status }: PickResult): SluiceStatus {
  return failureCodeOf(status?.code ?? Status.UNAVAILABLE);
}

function sluicePick(result: PickResult): SluicePick {
  const { status } = result;
  switch (result.pickResultType) {
    case PickResultType.COMPLETE: {
      if (result.subchannel === null) return DROPPED;
      // Only what the bridge below made comes here; anything else is a mock.
      const real: Partial<Subchannel> = result.subchannel.getRealSubchannel();
      const subchannel = real.balanced;
      // Its policy gave it up meanwhile, and will give another picker.
      if (subchannel === undefined) return QUEUE;
      const { onCallStarted, onCallEnded } = result;
      if (onCallStarted === null && onCallEnded === null) return { kind: 'subchannel', subchannel };
      return {
        kind: 'subchannel',
        subchannel,
        tracker: new CallTracker(onCallStarted, onCallEnded),
      };
    }
    case PickResultType.QUEUE:
      return QUEUE;
    case PickResultType.TRANSIENT_FAILURE:
      return { kind: 'fail', code: codeOf(result), details: status?.details ?? '' };
    default:
      return {
        kind: 'drop',
        code: codeOf(result),
        details: status?.details ?? '',
      };
  }
}
