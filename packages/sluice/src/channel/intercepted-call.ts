// Runs a chain of client interceptors around one call, and makes the attempts that they ask for.
// Invariants: the caller's deadline, signal and parent hold for all attempts together and for what
// interceptors do between them; when the call is over for its caller no attempt is left.
// Not here: what an interceptor is (interceptor.ts), response streams (intercepted-stream.ts).

import { Metadata } from '../grpc/metadata.ts';
import type { MethodKind } from '../grpc/method.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { WheelTimer } from '../transport/timer-wheel.ts';
import { beginCall, type CallTarget, methodOf, pathOf } from './begin-call.ts';
import { checkCallOptions } from './call-arguments.ts';
import type { CallHandle, CallPlacer } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';
import { type BondedCall, CallerBond } from './caller-bond.ts';
import { causeOf } from './caller-callbacks.ts';
import type {
  CallRequest,
  CallResponse,
  ClientInterceptor,
  StreamCallRequest,
  StreamCallResponse,
  UnaryCallRequest,
} from './interceptor.ts';
import { pumpRequests } from './request-pump.ts';
import { StreamAttempt } from './stream-attempt.ts';
import { type AnyMethod, encodeRequest } from './typed-messages.ts';
import { UnaryCall } from './unary-call.ts';

/** Milliseconds that interceptors have to answer when the deadline, signal or parent ends the call. */
const LAST_WORD_MS = 50;

/** Whether a call has interceptors. */
export function isIntercepted(placer: CallPlacer, options: CallOptions): boolean {
  const common = placer.callDefaults.interceptors;
  // Without types the options may be null; that is told when the call begins.
  const own = options?.interceptors;
  if (common === undefined && own === undefined) return false;
  return (common?.length ?? 0) + (own?.length ?? 0) > 0;
}

/** One call of a caller, around which interceptors run. */
export class InterceptedCall implements BondedCall, WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  readonly path: string;
  /** The caller's. */
  readonly options: CallOptions;
  private readonly placer: CallPlacer;
  private readonly method: AnyMethod | undefined;
  private readonly kind: MethodKind;
  private readonly chain: readonly ClientInterceptor[];
  private readonly bond: CallerBond;
  private readonly timeoutMs: number;
  private readonly deadlineMs: number;
  private readonly attempts: Set<CallHandle>;
  private giveUp: ((error: StatusError) => void) | undefined;
  /** Why the caller has given the call up; '' while it has not. */
  private cancelled: string;
  private over: string | undefined;

  /** @throws TypeError for options that are none, or a method of another kind; RangeError for `timeoutMs` */
  constructor(placer: CallPlacer, target: CallTarget, kind: MethodKind, options: CallOptions) {
    checkCallOptions(options);
    const { timeoutMs = Number.POSITIVE_INFINITY } = options;
    if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
      throw new RangeError(`timeoutMs is ${String(timeoutMs)}; it must be a number of ms`);
    }
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.method = methodOf(target, kind);
    this.path = pathOf(target);
    this.options = options;
    this.placer = placer;
    this.kind = kind;
    this.chain = [...(placer.callDefaults.interceptors ?? []), ...(options.interceptors ?? [])];
    this.bond = new CallerBond(options, this);
    this.timeoutMs = Math.min(timeoutMs, this.bond.parentMs);
    this.deadlineMs = placer.wheel.now() + this.timeoutMs;
    this.attempts = new Set();
    this.giveUp = undefined;
    this.cancelled = '';
    this.over = undefined;
  }

  /** The answer to a call with one request and one response. */
  async unary(message: unknown): Promise<unknown> {
    const { onHeader, onTrailer } = this.options;
    let isTold = false;
    try {
      const response = await this.respond({ ...this.basics(), stream: false, message });
      if (response.stream) throw this.mismatch('stream: false');
      onHeader?.(response.header);
      isTold = true;
      onTrailer?.(response.trailer);
      return response.message;
    } catch (error) {
      if (error instanceof StatusError && !isTold) onTrailer?.(error.metadata);
      throw error;
    } finally {
      this.end('the call was answered without it');
    }
  }

  /** The answer to a call of another kind, from the moment its headers are here. */
  async stream(message: AsyncIterable<unknown>): Promise<StreamCallResponse> {
    const response = await this.respond({ ...this.basics(), stream: true, message });
    if (!response.stream) throw this.mismatch('stream: true');
    return response;
  }

  /** The call is over for its caller: ends the attempts that are left, and lets none follow. */
  end(reason: string): void {
    this.over ??= reason;
    for (const attempt of this.attempts) attempt.cancel(reason);
    this.attempts.clear();
  }

  private basics(): Pick<CallRequest, 'method' | 'options'> {
    const { interceptors: _, onHeader: __, onTrailer: ___, ...options } = this.options;
    return { method: { path: this.path, kind: this.kind }, options };
  }

  private mismatch(needed: string): TypeError {
    return new TypeError(`an interceptor of ${this.path} must answer with ${needed}, as next does`);
  }

  // The chain, and what ends it from outside.

  private respond(request: CallRequest): Promise<CallResponse> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.giveUp = undefined;
        this.bond.release();
        if (this.wheelSlot >= 0) this.placer.wheel.remove(this);
      };
      this.giveUp = (error) => {
        done();
        reject(error);
      };
      if (this.deadlineMs !== Number.POSITIVE_INFINITY) {
        this.placer.wheel.add(this, this.deadlineMs + LAST_WORD_MS);
      }
      this.bond.tie();
      this.run(0, request).then(
        (response) => {
          done();
          resolve(response);
        },
        (error: unknown) => {
          done();
          reject(error);
        },
      );
    });
  }

  // BondedCall. Attempts hear of it as well; an interceptor that waits for something else does not.

  get isEnded(): boolean {
    return this.giveUp === undefined;
  }

  cancel(details: string): void {
    const { wheel } = this.placer;
    this.cancelled = details;
    wheel.add(this, wheel.now() + LAST_WORD_MS);
  }

  onParentCancelled(reason: string): void {
    // Both have the same deadline: whoever notices first, the status is the same.
    if (this.placer.wheel.now() >= this.deadlineMs) return;
    this.cancel(`the parent call was cancelled: ${reason}`);
  }

  onTimer(): void {
    const stuck = 'an interceptor was still at work';
    this.giveUp?.(
      this.cancelled !== ''
        ? StatusError.refusal(Status.CANCELLED, `${this.cancelled}; ${stuck}`, {
            cause: causeOf(this.options, this.cancelled),
          })
        : StatusError.refusal(
            Status.DEADLINE_EXCEEDED,
            `deadline of ${this.timeoutMs} ms exceeded; ${stuck}`,
          ),
    );
    this.end('the call ended before its interceptors');
  }

  private async run(index: number, request: CallRequest): Promise<CallResponse> {
    const interceptor = this.chain[index];
    if (interceptor === undefined) return this.attempt(request);
    const response = await interceptor(request, (passed) => this.run(index + 1, passed));
    // One without types may forget to return.
    if (typeof response === 'object' && response !== null) return response;
    throw new TypeError(`an interceptor of ${this.path} gave no response; return what next gave`);
  }

  // Attempts.

  private attempt(request: CallRequest): Promise<CallResponse> {
    if (this.over !== undefined) {
      return Promise.reject(StatusError.refusal(Status.CANCELLED, this.over));
    }
    checkCallOptions(request.options);
    if (request.stream !== (this.kind !== 'unary')) {
      const given = `next was given a request with stream: ${request.stream}`;
      return Promise.reject(new TypeError(`${given}; ${this.path} is ${this.kind}`));
    }
    return request.stream ? this.attemptStream(request) : this.attemptUnary(request);
  }

  private attemptUnary(request: UnaryCallRequest): Promise<CallResponse> {
    return new Promise((resolve, reject) => {
      let header = new Metadata();
      let trailer = new Metadata();
      const { onHeader, onTrailer } = request.options;
      const options: CallOptions = {
        ...request.options,
        timeoutMs: this.timeLeft(request.options),
        onHeader: (received) => {
          header = received;
          onHeader?.(received);
        },
        onTrailer: (received) => {
          trailer = received;
          this.attempts.delete(call);
          onTrailer?.(received);
        },
      };
      const answer = (message: unknown): void => {
        resolve({ stream: false, header, message, trailer });
      };
      const bytes = encodeRequest(this.method, request.message);
      const listener = new UnaryCall(this.method, options, answer, reject);
      const call = beginCall(this.placer, request.method.path, options, listener);
      this.attempts.add(call);
      listener.begin(call, bytes);
    });
  }

  private attemptStream(request: StreamCallRequest): Promise<CallResponse> {
    const options = { ...request.options, timeoutMs: this.timeLeft(request.options) };
    const attempt = new StreamAttempt(this.method, options);
    const call = beginCall(this.placer, request.method.path, options, attempt);
    this.attempts.add(call);
    attempt.whenOver(() => this.attempts.delete(call));
    attempt.responses.begin(call, undefined);
    pumpRequests(request.message, this.method, call, attempt.responses);
    return attempt.response;
  }

  private timeLeft(options: CallOptions): number {
    const wanted = options.timeoutMs ?? Number.POSITIVE_INFINITY;
    return Math.min(wanted, Math.ceil(this.deadlineMs - this.placer.wheel.now()));
  }
}
