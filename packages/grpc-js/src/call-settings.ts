// What a call of this package asks for, as options of a call of the runtime below.
// Invariant: a call that asks for nothing costs no object.
// Not here: credentials of a call over a plain connection, which the runtime refuses (channel-call.ts).

import type {
  CallOptions,
  CallCredentials as SluiceCallCredentials,
  Metadata as SluiceMetadata,
} from 'sluice';
import type { CallCredentials } from './call-credentials.ts';
import { Propagate } from './constants.ts';
import type { Deadline } from './deadline.ts';
import type { Metadata } from './metadata.ts';
import { toSluice } from './metadata-bridge.ts';
import type { ServerSurfaceCall } from './server-call.ts';
import { checkTokens, credentialsFor } from './sluice-credentials.ts';

const NOTHING: CallOptions = Object.freeze({});

/** A flat view of what was asked for. */
interface CallSettings {
  readonly timeoutMs: number | undefined;
  readonly metadata: SluiceMetadata | undefined;
  readonly waitForReady: boolean | undefined;
  readonly authority: string | undefined;
  readonly credentials: SluiceCallCredentials | undefined;
}

/** Milliseconds of the epoch; Infinity of none. What is no time, as an invalid Date, has passed. */
export function deadlineMs(deadline: Deadline | null | undefined): number {
  if (deadline === undefined || deadline === null) return Number.POSITIVE_INFINITY;
  const ms = typeof deadline === 'number' ? deadline : deadline.getTime();
  return Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
}

/** The earlier of a call's own deadline and that of the call it is made for, if that is passed on. */
export function deadlineWithParent(
  own: Deadline | null | undefined,
  parent: ServerSurfaceCall | null | undefined,
  flags: number | null | undefined,
): number {
  const ms = deadlineMs(own);
  if (parent === null || parent === undefined || !propagates(flags, Propagate.DEADLINE)) return ms;
  return Math.min(ms, deadlineMs(parent.getDeadline()));
}

/** Whether a bit of `propagate_flags` is set; without flags all are. */
export function propagates(flags: number | null | undefined, bit: Propagate): boolean {
  return ((flags ?? Propagate.DEFAULTS) & bit) !== 0;
}

/**
 * @param deadline ms of the epoch, or Infinity
 * @param host `:authority`, where the call has one of its own
 * @param credentials the call's own
 * @param common those of its channel
 * @throws Error for more than one token among the metadata
 */
export function callSettings(
  deadline: number,
  nowMs: number,
  metadata: Metadata | undefined,
  host: string | null | undefined,
  credentials: CallCredentials | undefined,
  common: CallCredentials | undefined,
): CallOptions {
  let sent: SluiceMetadata | undefined;
  let waitForReady: boolean | undefined;
  let tokens = 0;
  if (metadata !== undefined) {
    tokens = metadata.get('authorization').length;
    checkTokens(tokens);
    const fields = toSluice(metadata);
    if (fields.size > 0) sent = fields;
    // Absent leaves it to the service config.
    waitForReady = metadata.getOptions().waitForReady;
  }
  const timeoutMs = deadline === Number.POSITIVE_INFINITY ? undefined : deadline - nowMs;
  const authority = typeof host === 'string' && host !== '' ? host : undefined;
  const both = credentialsFor(credentials, common, tokens);
  if (
    sent === undefined &&
    waitForReady === undefined &&
    timeoutMs === undefined &&
    authority === undefined &&
    both === undefined
  ) {
    return NOTHING;
  }
  const settings: CallSettings = {
    timeoutMs,
    metadata: sent,
    waitForReady,
    authority,
    credentials: both,
  };
  return settings;
}
