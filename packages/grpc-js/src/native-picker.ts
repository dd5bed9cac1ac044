// A picker of Sluice, asked by a program's policy for each call.
// Invariant: what it picks is what the program's policy made by createSubchannel.
// Not here: the other way around (picker-bridge.ts).

import type { PickInfo, PickTracker, Picker as SluicePicker } from 'sluice';
import type { StatusObject } from './call-interface.ts';
import type { Status } from './constants.ts';
import { Metadata } from './metadata.ts';
import { toSluice } from './metadata-bridge.ts';
import {
  type OnCallEnded,
  type PickArgs,
  type Picker,
  type PickResult,
  PickResultType,
} from './picker.ts';
import { sluiceStatusOf, statusOf } from './picker-bridge.ts';
import type { SubchannelInterface } from './subchannel-interface.ts';

/** Where a subchannel that Sluice's policies were given keeps the one it stands for. */
export const pickedSubchannel: unique symbol = Symbol('picked subchannel');

interface Picked {
  readonly [pickedSubchannel]: SubchannelInterface;
}

const ANY_CALL: PickInfo = { path: '', fields: [] };

function isPicked(subchannel: object): subchannel is Picked {
  return pickedSubchannel in subchannel;
}

function endedBy(tracker: PickTracker): OnCallEnded {
  return (code, details, metadata) => {
    tracker.onEnd(sluiceStatusOf(code), toSluice(metadata).toFields(), details);
  };
}

export class NativePicker implements Picker {
  private readonly picker: SluicePicker;

  constructor(picker: SluicePicker) {
    this.picker = picker;
  }

  /** What it would fail a call with; null if it would not. */
  failure(): string | null {
    const result = this.picker.pick(ANY_CALL);
    return result.kind === 'fail' || result.kind === 'drop' ? result.details : null;
  }

  /** The policies below do not choose by what a call carries. */
  pick(_pickArgs: PickArgs): PickResult {
    const result = this.picker.pick(ANY_CALL);
    switch (result.kind) {
      case 'subchannel': {
        const { subchannel, tracker } = result;
        if (!isPicked(subchannel)) {
          throw new TypeError('the picker gave a subchannel that createSubchannel did not make');
        }
        return {
          pickResultType: PickResultType.COMPLETE,
          subchannel: subchannel[pickedSubchannel],
          status: null,
          onCallStarted: tracker === undefined ? null : () => tracker.onStart(),
          onCallEnded: tracker === undefined ? null : endedBy(tracker),
        };
      }
      case 'queue':
        return ended(PickResultType.QUEUE, null);
      case 'fail':
        return ended(PickResultType.TRANSIENT_FAILURE, statusFrom(statusOf(result.code), result));
      default:
        return ended(PickResultType.DROP, statusFrom(statusOf(result.code), result));
    }
  }
}

function ended(pickResultType: PickResultType, status: StatusObject | null): PickResult {
  return { pickResultType, subchannel: null, status, onCallStarted: null, onCallEnded: null };
}

function statusFrom(code: Status, { details }: { readonly details: string }): StatusObject {
  return { code, details, metadata: new Metadata() };
}
