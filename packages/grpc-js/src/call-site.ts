// Where a call was made, for the stack of the error it may end with.
// Invariant: what it costs is bounded: to capture a stack takes as long as three calls, so of very many
// calls only some have one. Not here: the error (call.ts).

/** Calls of a window that have their site recorded: about 1 % of a core when all windows are full. */
const SITES_PER_WINDOW = 100;
const WINDOW_MS = 100;

const NOT_RECORDED = `    (not recorded: more than ${SITES_PER_WINDOW} calls were made within ${WINDOW_MS} ms)`;

/** A stack that was captured and not written out; undefined where there were too many. */
export type CallSite = Error | undefined;

let windowMs = 0;
let left = SITES_PER_WINDOW;

/** Of the call that is being made. */
export function callSite(): CallSite {
  if (left <= 0) {
    const nowMs = Date.now();
    // Also when the clock was set back.
    if (Math.abs(nowMs - windowMs) < WINDOW_MS) return undefined;
    windowMs = nowMs;
    left = SITES_PER_WINDOW;
  }
  left -= 1;
  return new Error();
}

/** The lines of a stack below its message. */
function framesOf(site: Error): string {
  const { stack } = site;
  return stack === undefined ? NOT_RECORDED : stack.slice(stack.indexOf('\n') + 1);
}

/** An error that writes its stack out when somebody reads it, with the frames of the call's site. */
export function errorAt(message: string, site: CallSite): Error {
  const error = withoutStack(message);
  // Of very many calls most end here: an accessor of its own costs an error several times as much.
  if (site === undefined) {
    error.stack = `Error: ${message}\nfor call at\n${NOT_RECORDED}`;
    return error;
  }
  Object.defineProperty(error, 'stack', {
    configurable: true,
    get: () => `Error: ${message}\nfor call at\n${framesOf(site)}`,
    set(stack: unknown) {
      Object.defineProperty(error, 'stack', { configurable: true, writable: true, value: stack });
    },
  });
  return error;
}

// What lies between the call and its end is the same for all calls, and nobody's code.
function withoutStack(message: string): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new Error(message);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
