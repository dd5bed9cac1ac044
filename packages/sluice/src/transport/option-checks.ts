// Checks of the numbers that users set, made once when a channel or server is made.
// Invariant: a refusal is a RangeError that names the option, its value and what it may be.
// Not here: limits, which are merged over their defaults (limits.ts).

import { DEFAULT_WINDOW, MAX_HEADER_LIST_HARD, MAX_WINDOW, WINDOW_FLOOR } from './limits.ts';
import { checkNames, kindOf } from './option-names.ts';

/** A first window in bytes, or the default. */
export function windowOption(name: string, value: number | undefined): number {
  if (value === undefined) return DEFAULT_WINDOW;
  if (Number.isInteger(value) && value >= WINDOW_FLOOR && value <= MAX_WINDOW) return value;
  throw new RangeError(
    `${name} is ${value}; it must be an integer from ${WINDOW_FLOOR} to ${MAX_WINDOW} bytes`,
  );
}

/** Bytes of a header list we announce; past MAX_HEADER_LIST_HARD the connection ends anyway. */
export function checkHeaderList(name: string, value: number | undefined): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && value > 0 && value <= MAX_HEADER_LIST_HARD) return;
  throw new RangeError(
    `${name} is ${value}; it must be an integer from 1 to ${MAX_HEADER_LIST_HARD} bytes`,
  );
}

/** A time or a length; `Infinity` is one. */
export function checkPositive(name: string, value: number | undefined, unit: string): void {
  if (value === undefined || (typeof value === 'number' && value > 0)) return;
  throw new RangeError(`${name} is ${String(value)}; it must be more than 0 ${unit}`);
}

/** Every time in a group of options, whose names are `known`. */
export function checkTimes(group: string, options: object | undefined, known: object): void {
  if (options === undefined) return;
  checkNames(group, options, known);
  for (const [name, value] of Object.entries(options)) {
    if (typeof value !== 'boolean') checkPositive(`${group}.${name}`, value, 'ms');
  }
}

/** A list of functions. One left out, `isOpen ? undefined : check`, must not end the chain before others. */
export function checkInterceptors(interceptors: unknown): void {
  if (interceptors === undefined) return;
  if (!Array.isArray(interceptors)) {
    throw new TypeError(`interceptors is ${kindOf(interceptors)}; it must be a list of functions`);
  }
  interceptors.forEach((interceptor: unknown, at) => {
    if (typeof interceptor === 'function') return;
    throw new TypeError(`interceptors[${at}] is ${typeof interceptor}; it must be a function`);
  });
}
