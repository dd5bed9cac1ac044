// Whether a value can be a message. Callers without types pass strings and objects by mistake; what
// they mean cannot be guessed, and must be said before it reaches a buffer.
// Also true for arrays of another realm (a test runner's sandbox), where `instanceof` is not.

import { isUint8Array } from 'node:util/types';

/** @throws TypeError when `message` is not a Uint8Array (a Buffer is one) */
export function checkMessage(
  message: unknown,
  what: 'request' | 'response',
): asserts message is Uint8Array {
  if (isUint8Array(message)) return;
  const type = message === null ? 'null' : typeof message;
  throw new TypeError(`a ${what} must be a Uint8Array, not ${type}`);
}
