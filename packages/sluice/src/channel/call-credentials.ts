// Call credentials: metadata made for each call, such as a token, and kept off plain connections.
// Invariant: whatever goes wrong while they are made becomes a status that a server cannot have
// meant: UNAUTHENTICATED, or one that gRFC A54 lets a client's own machinery use.
// Not here: when they are asked for (call.ts), TLS (transport/connector.ts).

import { Metadata } from '../grpc/metadata.ts';
import { Status, statusName } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';

/** The call that credentials are asked for. */
export interface CredentialsRequest {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** `:authority` of the request. */
  readonly authority: string;
  /** `https://host/package.Service`, the audience of tokens that are bound to one. */
  readonly serviceUrl: string;
}

/**
 * Makes metadata of a call. Asked before each one, with the deadline of the call running; what is
 * costly to make should be kept inside. A StatusError it throws is the status of the call, unless
 * gRFC A54 reserves its code for servers; anything else becomes UNAUTHENTICATED.
 */
export type CallCredentials = (call: CredentialsRequest) => Metadata | Promise<Metadata>;

/** Credentials that give the metadata of all, in order; made at the same time. */
export function combineCredentials(...all: readonly CallCredentials[]): CallCredentials {
  return async (call) => {
    const merged = new Metadata();
    for (const made of await Promise.all(all.map((one) => asked(one, call)))) {
      merged.merge(made);
    }
    return merged;
  };
}

/**
 * The fields that a channel's and a call's own credentials give, in that order.
 * @returns rejects with whatever they throw; see `failureOfCredentials`
 */
export async function credentialFields(
  common: CallCredentials | undefined,
  own: CallCredentials | undefined,
  path: string,
  authority: string,
): Promise<readonly string[]> {
  const host = authority.endsWith(':443') ? authority.slice(0, -4) : authority;
  const serviceUrl = `https://${host}${path.slice(0, path.lastIndexOf('/'))}`;
  const call: CredentialsRequest = { path, authority, serviceUrl };
  const [first, second] = await Promise.all([
    common && asked(common, call),
    own && asked(own, call),
  ]);
  const fields = first === undefined ? NO_FIELDS : first.toFields();
  return second === undefined ? fields : [...fields, ...second.toFields()];
}

// What one throws at once must not leave the promise of another to nobody.
async function asked(credentials: CallCredentials, call: CredentialsRequest): Promise<Metadata> {
  return checked(await credentials(call));
}

const NO_FIELDS: readonly string[] = [];

function checked(made: unknown): Metadata {
  if (made instanceof Metadata) return made;
  const kind = made === undefined ? 'nothing' : made === null ? 'null' : typeof made;
  throw new TypeError(`they gave ${kind} instead of Metadata`);
}

// What these say about a request only its server can know (gRFC A54).
const SERVERS_ONLY: ReadonlySet<Status> = new Set([
  Status.OK,
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.ABORTED,
  Status.OUT_OF_RANGE,
  Status.DATA_LOSS,
]);

/** The status of a call whose credentials could not be made. */
export function failureOfCredentials(error: unknown): { code: Status; details: string } {
  if (!(error instanceof StatusError)) {
    const why = error instanceof Error ? error.message : String(error);
    return { code: Status.UNAUTHENTICATED, details: `call credentials failed: ${why}` };
  }
  const { code, details } = error;
  if (!SERVERS_ONLY.has(code)) return { code, details };
  const text = `call credentials failed with ${statusName(code)}, which is for servers: ${details}`;
  return { code: Status.INTERNAL, details: text };
}
