// Call credentials as the runtime below asks for them.
// Invariants: one mapping per object, so that it costs a call nothing; whatever a generator does wrong
// becomes a status of the one call it was asked for; no call has two tokens.
// Not here: which calls may carry them, which is Sluice's channel.

import {
  type CredentialsRequest,
  type CallCredentials as SluiceCallCredentials,
  type Metadata as SluiceMetadata,
  Status,
  StatusError,
} from 'sluice';
import type { CallCredentials } from './call-credentials.ts';
import { Status as StatusNames } from './constants.ts';
import { getErrorMessage } from './error.ts';
import { Metadata } from './metadata.ts';
import { isMetadata, toSluice } from './metadata-bridge.ts';
import { computeServiceUrl } from './uri-parser.ts';

const mapped: WeakMap<CallCredentials, SluiceCallCredentials> = new WeakMap();

/**
 * The credentials of a call as Sluice takes them: its own before those of its channel.
 * @param tokens how many the call's metadata have
 */
export function credentialsFor(
  own: CallCredentials | undefined,
  common: CallCredentials | undefined,
  tokens: number,
): SluiceCallCredentials | undefined {
  const credentials =
    own === undefined || common === undefined ? (own ?? common) : own.compose(common);
  if (credentials === undefined) return undefined;
  if (tokens > 0) return (call) => metadataFor(credentials, call, tokens);
  let made = mapped.get(credentials);
  if (made === undefined) {
    made = (call) => metadataFor(credentials, call, 0);
    mapped.set(credentials, made);
  }
  return made;
}

/** @throws Error for more than one; servers would take either, or both as one */
export function checkTokens(count: number): void {
  if (count > 1) throw new Error('"authorization" metadata cannot have multiple values');
}

async function metadataFor(
  credentials: CallCredentials,
  { path, authority }: CredentialsRequest,
  tokens: number,
): Promise<SluiceMetadata> {
  // Of a generator, which may give anything.
  let metadata: Metadata | null;
  try {
    metadata = await credentials.generateMetadata({
      method_name: path,
      service_url: computeServiceUrl(authority, path),
    });
    metadata ??= new Metadata();
    if (!isMetadata(metadata)) throw new TypeError('what it gave is no Metadata');
  } catch (error) {
    throw failureOf(error);
  }
  try {
    checkTokens(tokens + metadata.get('authorization').length);
  } catch (error) {
    throw new StatusError(Status.INTERNAL, getErrorMessage(error));
  }
  return toSluice(metadata);
}

/** What these say of a request only its server can know (gRFC A54). */
const SERVERS_ONLY: ReadonlySet<number> = new Set([
  Status.OK,
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.ABORTED,
  Status.OUT_OF_RANGE,
  Status.DATA_LOSS,
]);

function failureOf(error: unknown): StatusError {
  const { code, message } = describeError(error);
  const details = `Getting metadata from plugin failed with error: ${message}`;
  if (!SERVERS_ONLY.has(code)) return new StatusError(code, details);
  return new StatusError(
    Status.INTERNAL,
    `Invalid status from control plane: ${code} ${StatusNames[code]} ${details}`,
  );
}

function describeError(error: unknown): { readonly code: Status; readonly message: string } {
  if (typeof error !== 'object' || error === null) {
    return { code: Status.UNKNOWN, message: String(error) };
  }
  const code: unknown = Reflect.get(error, 'code');
  const message = String(Reflect.get(error, 'message'));
  // Any number is taken over as it is.
  return { code: Number.isInteger(code) ? (code as Status) : Status.UNKNOWN, message };
}
