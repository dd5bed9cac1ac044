// The statuses of the health service by name, who watches them, and its three methods.
// Invariant: once shut down nothing changes any more: all are NOT_SERVING, and every watch ends.
// grpc.health.v1. Not here: how programs set statuses (health.ts), one watch (health-watch.ts).

import type { ParentCall } from '../channel/call-options.ts';
import {
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus as StatusNumber,
} from '../gen/grpc/health/v1/health_pb.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import { quoted } from '../transport/status-mapping.ts';
import { HealthWatch, type WatchedStatus, type WatchSource } from './health-watch.ts';

/** The most services that List answers with; grpc.health.v1 asks servers for such a bound. */
const MAX_LISTED = 100;

/** The statuses by name, and who watches them. */
export class HealthStatuses implements WatchSource {
  isShutDown: boolean;
  private readonly statuses: Map<string, StatusNumber>;
  private readonly watches: Map<string, Set<HealthWatch>>;

  constructor() {
    this.isShutDown = false;
    this.statuses = new Map();
    this.watches = new Map();
  }

  names(): string[] {
    return [...this.statuses.keys()];
  }

  of(name: string): StatusNumber | undefined {
    return this.statuses.get(name);
  }

  set(name: string, status: StatusNumber): void {
    if (this.isShutDown) return;
    this.statuses.set(name, status);
    this.tell(name);
  }

  clear(name: string): void {
    if (this.isShutDown) return;
    this.statuses.delete(name);
    this.tell(name);
  }

  shutdown(): void {
    if (this.isShutDown) return;
    for (const name of this.statuses.keys()) this.statuses.set(name, StatusNumber.NOT_SERVING);
    this.isShutDown = true;
    for (const name of [...this.watches.keys()]) this.tell(name);
  }

  // The calls.

  check({ service }: HealthCheckRequest): WatchedStatus {
    const status = this.statuses.get(service);
    if (status !== undefined) return { status };
    const text = `the health of ${quoted(service)} is not known to this server; set it there`;
    throw new StatusError(Status.NOT_FOUND, text);
  }

  list(): Record<string, WatchedStatus> {
    const { size } = this.statuses;
    if (size > MAX_LISTED) {
      const text = `${size} services have a status and List answers with ${MAX_LISTED} at most; use Check`;
      throw new StatusError(Status.RESOURCE_EXHAUSTED, text);
    }
    return Object.fromEntries([...this.statuses].map(([name, status]) => [name, { status }]));
  }

  watch({ service }: HealthCheckRequest, call: ParentCall): HealthWatch {
    return new HealthWatch(service, this, call);
  }

  // WatchSource.

  watched(name: string): StatusNumber {
    return this.statuses.get(name) ?? StatusNumber.SERVICE_UNKNOWN;
  }

  join(watch: HealthWatch): void {
    const others = this.watches.get(watch.service);
    if (others === undefined) this.watches.set(watch.service, new Set([watch]));
    else others.add(watch);
  }

  leave(watch: HealthWatch): void {
    const watches = this.watches.get(watch.service);
    watches?.delete(watch);
    if (watches?.size === 0) this.watches.delete(watch.service);
  }

  private tell(name: string): void {
    for (const watch of [...(this.watches.get(name) ?? [])]) watch.changed();
  }
}
