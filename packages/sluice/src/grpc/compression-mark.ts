// The mark on single messages that are to go uncompressed over a call that compresses.
// Invariant: a mark belongs to an object and costs nothing where none was ever set; messages that
// repeat secrets beside what others can choose need it (the attacks called CRIME and BREACH).
// Source: gRPC compression.md ("per-message"). Not here: who reads it (the streams of the transport).

const marked: WeakSet<object> = new WeakSet();
let used = false;

/**
 * Marks a message to be sent as it is, whatever the call's `compress` says; for messages that are
 * compressed already, or that hold secrets beside text that others can choose.
 *
 * @returns the same message; the mark stays with it
 */
export function uncompressed<T extends object>(message: T): T {
  used = true;
  marked.add(message);
  return message;
}

/** Whether `message` carries the mark of {@link uncompressed}. */
export function isUncompressed(message: object): boolean {
  return used && marked.has(message);
}

/** Where a message is made into bytes: the mark of `message` goes over to `bytes`. */
export function keepMark(message: unknown, bytes: Uint8Array): void {
  if (used && typeof message === 'object' && message !== null && marked.has(message)) {
    marked.add(bytes);
  }
}
