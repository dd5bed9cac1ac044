// What handlers without types may answer with: a stream where one message is due, or one message
// where a stream is. Taken as it is the one would be sent as an empty message, and the error of the
// other would not say whose it is.
// Invariant: a TypeError that names the method; it goes to `onHandlerError`.

import type { Messages } from '../transport/message-pump.ts';
import { kindOf } from '../transport/option-names.ts';

/** The responses of a streaming handler. @throws TypeError */
export function responsesOf<O>(answer: Messages<O>, path: string): Messages<O> {
  const given: unknown = answer;
  if (typeof given === 'object' && given !== null) {
    if (Symbol.asyncIterator in given || Symbol.iterator in given) return answer;
  }
  throw new TypeError(
    `the handler of ${path} answered with ${kindOf(given)}, not with a stream of messages; make it an async generator, async function*`,
  );
}

/** Whether an answer is what a generator function gives; of a message no field is a function. */
export function isGenerator(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || !('next' in answer)) return false;
  return typeof answer.next === 'function';
}

/** What is thrown where an answer is a generator and one message is due. */
export function noMessage(path: string): TypeError {
  return new TypeError(
    `the handler of ${path} answered with a generator; the method takes one message, return it from an async function`,
  );
}
