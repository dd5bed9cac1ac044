// What one call of a soak does, what its handler is told to do, and which statuses are rightful.
// Invariant: a plan is drawn from the seed alone; where a call can race with its own cancellation
// or with a fault, both outcomes are rightful, and nothing else is.
// Not here: who makes the calls (load.ts), what faults there are (faults.ts).

import { Status } from 'sluice';
import type { Random } from './random.ts';

export type CallKind = 'unary' | 'serverStreaming' | 'clientStreaming' | 'bidiStreaming';

/** `before` is in the same turn as the call, so that nothing of it was sent. */
export type CancelPoint = 'none' | 'before' | 'during' | 'after-header';

/** What the handler is told, as metadata of the call. */
export interface Order {
  readonly id: number;
  /** Milliseconds before the first answer. */
  readonly waitMs: number;
  /** How the call ends. */
  readonly code: number;
  /** Ends by an Error that is no status. */
  readonly throws: boolean;
  /** So many attempts fail with UNAVAILABLE before one does what was ordered. */
  readonly failedAttempts: number;
  readonly responseBytes: number;
  readonly responseCount: number;
  readonly compress: boolean;
  /** Milliseconds between two requests that it reads. */
  readonly pauseMs: number;
}

export interface CallPlan {
  readonly kind: CallKind;
  readonly order: Order;
  readonly requestBytes: number;
  readonly requestCount: number;
  readonly cancel: CancelPoint;
  readonly cancelAfterMs: number;
  /** 0 for none. */
  readonly timeoutMs: number;
  /** The deadline comes before the handler is through. */
  readonly expires: boolean;
  readonly compress: boolean;
  /** Milliseconds between two responses that the caller reads. */
  readonly pauseMs: number;
  /** By the callbacks of a runtime, where it has promises as well. */
  readonly callbacks: boolean;
  /** The caller takes no answer as large as the one that comes. */
  readonly tooLarge: boolean;
  /** Bytes of one more metadata value. */
  readonly metadataBytes: number;
}

/** How the way to the server is: `faulty` is behind a proxy that breaks it. */
export type Road = 'calm' | 'faulty';

export const CANCELLED_SHARE = 0.1;
export const EXPIRED_SHARE = 0.05;

/** Attempts of a method with a retry policy, the first included. */
export const MAX_ATTEMPTS = 3;

/** Bytes of an answer that a caller takes. */
export const MAX_RECEIVE = 4_194_304;
/** The same, of a caller that is told more than it takes. */
export const SMALL_RECEIVE = 1_024;

/** Bytes of a request that every runtime keeps for a further attempt. */
const KEPT_BYTES = 65_536;

/** Milliseconds, for calls whose deadline is not meant to pass. */
const AMPLE_MS = 20_000;
const FAULTY_MS = 6_000;

/** Statuses that handlers end with beside OK. */
const FAULTS: readonly [number, ...number[]] = [
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.PERMISSION_DENIED,
  Status.FAILED_PRECONDITION,
  Status.ABORTED,
  Status.OUT_OF_RANGE,
  Status.UNAUTHENTICATED,
];

/** Bytes of one message: mostly small, now and then a megabyte. A faulty road moves single bytes. */
function messageBytes(random: Random, road: Road): number {
  const draw = random.next();
  if (draw < 0.12) return 0;
  if (draw < 0.7 || road === 'faulty') return random.between(1, 1_024);
  if (draw < 0.92) return random.between(1_025, 16_384);
  if (draw < 0.99) return random.between(16_385, 131_072);
  return random.between(131_073, 1_048_576);
}

function countOf(many: boolean, random: Random, bytes: number): number {
  if (!many) return 1;
  return random.between(0, bytes > 16_384 ? 3 : 10);
}

/** The next call. */
export function planCall(id: number, random: Random, road: Road): CallPlan {
  const kind: CallKind = random.chance(0.55)
    ? 'unary'
    : random.pick<CallKind>('serverStreaming', 'clientStreaming', 'bidiStreaming');
  const draw = random.next();
  const cancelled = draw < CANCELLED_SHARE;
  const expires = !cancelled && draw < CANCELLED_SHARE + EXPIRED_SHARE;
  const fate = cancelled || expires ? 1 : random.next();
  const retried = kind === 'unary' && fate >= 0.12 && fate < 0.2;
  const tooLarge = kind === 'unary' && fate >= 0.2 && fate < 0.21;
  const drawnBytes = messageBytes(random, road);
  const requestBytes = retried ? Math.min(drawnBytes, KEPT_BYTES) : drawnBytes;
  const responseBytes = tooLarge ? SMALL_RECEIVE + 1 : messageBytes(random, road);
  const slow = random.chance(0.03);
  const timeoutMs = expires
    ? random.between(5, 60)
    : road === 'faulty' && random.chance(0.7)
      ? FAULTY_MS
      : random.chance(0.5)
        ? AMPLE_MS
        : 0;
  return {
    kind,
    order: {
      id,
      waitMs: expires ? timeoutMs + 5_000 : cancelled ? random.between(50, 300) : waitOf(random),
      code: fate < 0.08 ? random.pick(...FAULTS) : Status.OK,
      throws: fate >= 0.08 && fate < 0.1,
      failedAttempts: retried ? random.between(1, MAX_ATTEMPTS) : 0,
      responseBytes,
      responseCount: countOf(isStreaming(kind, 'response'), random, responseBytes),
      compress: random.chance(0.08),
      pauseMs: random.chance(0.02) ? random.between(5, 40) : 0,
    },
    requestBytes,
    requestCount: countOf(isStreaming(kind, 'request'), random, requestBytes),
    cancel: cancelled ? random.pick<CancelPoint>('before', 'during', 'after-header') : 'none',
    cancelAfterMs: random.between(1, 40),
    timeoutMs,
    expires,
    compress: random.chance(0.08),
    pauseMs: slow ? random.between(5, 60) : 0,
    callbacks: random.chance(0.4),
    tooLarge,
    metadataBytes: random.chance(0.2) ? random.between(1, 512) : 0,
  };
}

function waitOf(random: Random): number {
  return random.chance(0.7) ? 0 : random.between(1, 80);
}

/** Whether requests, or responses, are a stream. */
export function isStreaming(kind: CallKind, which: 'request' | 'response'): boolean {
  if (kind === 'bidiStreaming') return true;
  return kind === (which === 'request' ? 'clientStreaming' : 'serverStreaming');
}

/** The path of a call: retried methods have a service config of their own. */
export function pathOf(plan: CallPlan): string {
  return plan.order.failedAttempts > 0 ? RETRIED_PATH : PATHS[plan.kind];
}

export const PATHS: Readonly<Record<CallKind, string>> = {
  unary: '/soak.Soak/Unary',
  serverStreaming: '/soak.Soak/ServerStreaming',
  clientStreaming: '/soak.Soak/ClientStreaming',
  bidiStreaming: '/soak.Soak/BidiStreaming',
};
export const RETRIED_PATH = '/soak.Soak/Retried';

/** The metadata key of an order. */
export const ORDER_KEY = 'soak-order';
/** The key of the value that has only a length. */
export const FILLER_KEY = 'soak-filler';

/** An order as the text of its metadata value. */
export function orderText(order: Order): string {
  return [
    order.id,
    order.waitMs,
    order.code,
    order.throws ? 1 : 0,
    order.failedAttempts,
    order.responseBytes,
    order.responseCount,
    order.compress ? 1 : 0,
    order.pauseMs,
  ].join(',');
}

/** @throws RangeError for a text that is no order */
export function orderOf(text: string | undefined): Order {
  const numbers = (text ?? '').split(',').map(Number);
  if (numbers.length !== 9 || numbers.some(Number.isNaN)) {
    throw new RangeError(`${ORDER_KEY} is ${String(text)}; it must be nine numbers`);
  }
  const [id = 0, waitMs = 0, code = 0, throws = 0, failedAttempts = 0] = numbers;
  const [responseBytes = 0, responseCount = 0, compress = 0, pauseMs = 0] = numbers.slice(5);
  return {
    id,
    waitMs,
    code,
    throws: throws === 1,
    failedAttempts,
    responseBytes,
    responseCount,
    compress: compress === 1,
    pauseMs,
  };
}

/** What the call ends with when nothing comes in between. */
export function plannedCodes(plan: CallPlan): readonly number[] {
  const { order } = plan;
  if (plan.expires) return [Status.DEADLINE_EXCEEDED];
  if (plan.tooLarge) return [Status.RESOURCE_EXHAUSTED];
  // Runtimes differ in what an error without a status is to a client.
  if (order.throws) return [Status.INTERNAL, Status.UNKNOWN];
  if (order.failedAttempts >= MAX_ATTEMPTS) return [Status.UNAVAILABLE];
  return [order.code];
}

/**
 * Whether a call may end like that.
 * @param closed its channel was closed under it
 */
export function isRightful(plan: CallPlan, road: Road, closed: boolean, code: number): boolean {
  if (plan.cancel === 'before') {
    // A channel that cannot connect refuses a call at once: its end was there before the cancellation.
    return code === Status.CANCELLED || (code === Status.UNAVAILABLE && road === 'faulty');
  }
  if (plannedCodes(plan).includes(code)) return true;
  if (plan.cancel !== 'none' && code === Status.CANCELLED) return true;
  if (closed && (code === Status.UNAVAILABLE || code === Status.CANCELLED)) return true;
  if (road === 'calm') return false;
  return code === Status.UNAVAILABLE || (code === Status.DEADLINE_EXCEEDED && plan.timeoutMs > 0);
}
