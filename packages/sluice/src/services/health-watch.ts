// One Watch of the health service: the statuses of one service, as an iteration.
// Invariants: only the newest status is ever held, however slowly the client takes them; a status
// that is sent twice in a row is sent once; the iteration ends with the call or the service; before
// it begins, which an interceptor may prevent, nobody knows of it.
// gRPC health-checking.md. Not here: the statuses (health-statuses.ts).

import type { ChildCall, ParentCall } from '../channel/call-options.ts';
import type { HealthCheckResponse_ServingStatus as StatusNumber } from '../gen/grpc/health/v1/health_pb.ts';

/** What a watch yields. */
export interface WatchedStatus {
  readonly status: StatusNumber;
}

/** What a watch looks at. */
export interface WatchSource {
  /** Nothing changes any more. */
  readonly isShutDown: boolean;
  watched(service: string): StatusNumber;
  /** The watch has begun. */
  join(watch: HealthWatch): void;
  /** The watch has ended. */
  leave(watch: HealthWatch): void;
}

type Step = IteratorResult<WatchedStatus, undefined>;

const DONE: Step = { done: true, value: undefined };

/** The statuses of `service` as they change, the present one first. */
export class HealthWatch implements AsyncIterableIterator<WatchedStatus, undefined>, ChildCall {
  readonly service: string;
  private readonly source: WatchSource;
  private readonly call: ParentCall;
  private sent: StatusNumber | undefined;
  private begun: boolean;
  private over: boolean;
  private waiter: ((step: Step) => void) | undefined;

  /** @param call ends the iteration with its own end */
  constructor(service: string, source: WatchSource, call: ParentCall) {
    this.service = service;
    this.source = source;
    this.call = call;
    this.sent = undefined;
    this.begun = false;
    this.over = false;
    this.waiter = undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    if (!this.begun) this.begin();
    const step = this.step();
    if (step !== undefined) return Promise.resolve(step);
    return new Promise((resolve) => {
      this.waiter = resolve;
    });
  }

  private begin(): void {
    this.begun = true;
    this.source.join(this);
    this.call.follow(this);
  }

  return(): Promise<Step> {
    this.cancel();
    return Promise.resolve(DONE);
  }

  /** The status may have changed. */
  changed(): void {
    const { waiter } = this;
    const step = waiter === undefined ? undefined : this.step();
    if (waiter === undefined || step === undefined) return;
    this.waiter = undefined;
    waiter(step);
  }

  /** The call is over. */
  cancel(): void {
    if (this.over) return;
    this.over = true;
    this.source.leave(this);
    this.changed();
  }

  /** What there is to say now, if anything. */
  private step(): Step | undefined {
    if (this.over) return DONE;
    const status = this.source.watched(this.service);
    if (status !== this.sent) {
      this.sent = status;
      return { done: false, value: { status } };
    }
    if (!this.source.isShutDown) return undefined;
    this.over = true;
    this.source.leave(this);
    return DONE;
  }
}
