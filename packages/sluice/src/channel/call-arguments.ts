// What is given to a call, looked at before it is used: programs without types, and those that come
// from another library, pass callbacks, deadlines and metadata of other kinds, which must not be
// taken for no options at all.
// Invariants: a call without options costs one comparison; what is thrown is a TypeError that says
// what to pass instead. Not here: the values of numbers (call.ts).

import { checkInterceptors } from '../transport/option-checks.ts';
import { kindOf, type OptionNames, shown, unknownName } from '../transport/option-names.ts';
import type { CallOptions } from './call-options.ts';

/** The options of a call that is given none. */
export const NO_OPTIONS: CallOptions = Object.freeze({});

const NAMES: OptionNames<CallOptions> = {
  timeoutMs: true,
  signal: true,
  parent: true,
  metadata: true,
  credentials: true,
  waitForReady: true,
  authority: true,
  compress: true,
  maxSendMessageLength: true,
  maxReceiveMessageLength: true,
  interceptors: true,
  onPeer: true,
  onHeader: true,
  onTrailer: true,
};

const KNOWN: ReadonlySet<string> = new Set(Object.keys(NAMES));

/** @throws TypeError for what is no object of options, has another name, or a value of another kind */
export function checkCallOptions(options: CallOptions): void {
  if (options === NO_OPTIONS) return;
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) throw noOptions(given);
  for (const name in options) {
    if (!KNOWN.has(name)) checkUnknown(options, name);
  }
  // Of any type, null included, whatever their types say.
  const { metadata, signal, parent, credentials, interceptors } = options;
  if (metadata !== undefined && typeof metadata?.toFields !== 'function') {
    throw new TypeError(
      'metadata must be a Metadata of sluice; make one with new Metadata({ ... })',
    );
  }
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new TypeError(
      `signal is ${kindOf(signal)} and no AbortSignal; of an AbortController pass controller.signal`,
    );
  }
  if (parent !== undefined && typeof parent?.follow !== 'function') {
    throw new TypeError(`parent is ${kindOf(parent)}; pass the context that a handler is given`);
  }
  if (credentials !== undefined) checkCredentials(credentials);
  if (options.authority !== undefined) checkAuthority(options.authority);
  if (interceptors !== undefined) checkInterceptors(interceptors);
}

/** Credentials of calls. @throws TypeError */
export function checkCredentials(credentials: unknown): void {
  if (credentials === undefined || typeof credentials === 'function') return;
  throw new TypeError(
    `credentials is ${kindOf(credentials)}; it must be a function that gives Metadata, and TLS is the option tls of connect`,
  );
}

// What RFC 3986 §3.2 lets stand in one, without user information: it goes on the wire as it is.
const AUTHORITY = /^[\w.~!$&'()*+,;=:[\]%-]+$/;

function checkAuthority(authority: unknown): void {
  if (typeof authority === 'string' && AUTHORITY.test(authority)) return;
  throw new TypeError(
    `authority is ${typeof authority === 'string' ? JSON.stringify(authority) : kindOf(authority)}; it must be "host" or "host:port"`,
  );
}

/** What a call is made by. @throws TypeError */
export function checkPath(path: unknown): asserts path is string {
  if (typeof path === 'string') return;
  throw new TypeError(
    `the path of a call is ${shown(path)}; pass text like "/package.Service/Method"`,
  );
}

/** The requests of a call that sends many. @throws TypeError */
export function checkRequests(requests: unknown, path: string): void {
  if (isIterable(requests)) return;
  throw new TypeError(
    `the requests of ${path} are ${kindOf(requests)}; pass an array, a generator or another iterable`,
  );
}

function isIterable(value: unknown): boolean {
  if (typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

function noOptions(given: unknown): TypeError {
  return typeof given === 'function'
    ? new TypeError('a call takes no callback; await its promise, or iterate over its responses')
    : new TypeError(`a call takes an object of options, not ${kindOf(given)}`);
}

function checkUnknown(options: object, name: string): void {
  if (hasMethod(options, 'toFields') || hasMethod(options, 'toHttp2Headers')) {
    throw new TypeError('a call takes an object of options, not Metadata; pass { metadata }');
  }
  if (Reflect.get(options, name) !== undefined) throw unknownName('a call', name, NAMES);
}

function hasMethod(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null || !(name in value)) return false;
  return typeof Reflect.get(value, name) === 'function';
}
