/// <reference types="node" preserve="true" />
// The entry point `sluice/health`: the standard health service, by which load balancers, orchestrators
// and clients learn whether a server takes calls.
// Invariants: once shut down, which the drain of the server does, every status is NOT_SERVING and
// stays so; watches are told that and end, so they do not hold a drain up.
// grpc.health.v1, gRPC health-checking.md. Not here: checking the health of backends as a client.

import {
  Health,
  HealthCheckResponse_ServingStatus as StatusNumber,
} from '../gen/grpc/health/v1/health_pb.ts';
import type { Server } from '../server/server.ts';
import type { ServiceHandlers } from '../server/service-handlers.ts';
import type { AnyService } from '../service/any-service.ts';
import { HealthStatuses } from './health-statuses.ts';
import { serviceName } from './service-name.ts';

export { Health };

/** Bytes of a request, which is the name of a service; each watch keeps the one it was given. */
const MAX_REQUEST = 1_024;

/** The health of a service, as it is set. */
export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING';

/** Options of `addHealth`. */
export interface HealthOptions {
  /** Services that are SERVING from the start, by name or definition; default none. */
  readonly services?: readonly (string | AnyService)[] | undefined;
}

/**
 * The statuses of a server and its services. Made by `addHealth`.
 * The name '' stands for the server as a whole, which is SERVING from the start.
 */
export class HealthService {
  private readonly statuses: HealthStatuses;

  /** Use `addHealth`. */
  constructor(statuses: HealthStatuses) {
    this.statuses = statuses;
  }

  /**
   * Sets the status of a service; those who watch it are told. Without effect after `shutdown`.
   * @param service its name, its definition, or '' for the server as a whole
   * @throws TypeError for a status that is none
   */
  set(service: string | AnyService, status: ServingStatus): void {
    this.statuses.set(serviceName(service), numberOf(status));
  }

  /** Sets the status of every service that has one, '' included. Without effect after `shutdown`. */
  setAll(status: ServingStatus): void {
    const number = numberOf(status);
    for (const name of this.statuses.names()) this.statuses.set(name, number);
  }

  /** The status of a service; undefined if it has none. */
  get(service: string | AnyService): ServingStatus | undefined {
    const status = this.statuses.of(serviceName(service));
    return status === undefined ? undefined : nameOf(status);
  }

  /** Forgets a service: NOT_FOUND from now on. Without effect after `shutdown`. */
  clear(service: string | AnyService): void {
    this.statuses.clear(serviceName(service));
  }

  /** Every status becomes NOT_SERVING for good, and watches end. The drain of the server does it. */
  shutdown(): void {
    this.statuses.shutdown();
  }
}

/**
 * Adds the health service to a server and ties it to the server's drain:
 * `const health = addHealth(server, { services: [Shop] })`.
 * @returns where statuses are set
 * @throws Error if the server has a health service already
 */
export function addHealth(server: Server, options: HealthOptions = {}): HealthService {
  const statuses = new HealthStatuses();
  statuses.set('', StatusNumber.SERVING);
  for (const service of options.services ?? [])
    statuses.set(serviceName(service), StatusNumber.SERVING);
  const handlers: ServiceHandlers<typeof Health> = {
    check: (request) => statuses.check(request),
    list: () => ({ statuses: statuses.list() }),
    watch: (request, context) => statuses.watch(request, context),
  };
  server.add(Health, handlers, { maxReceiveMessageLength: MAX_REQUEST });
  server.onDraining(() => statuses.shutdown());
  return new HealthService(statuses);
}

function numberOf(status: ServingStatus): StatusNumber {
  switch (status) {
    case 'UNKNOWN':
      return StatusNumber.UNKNOWN;
    case 'SERVING':
      return StatusNumber.SERVING;
    case 'NOT_SERVING':
      return StatusNumber.NOT_SERVING;
    default:
      throw new TypeError(
        `${String(status)} is no status of a service; use SERVING, NOT_SERVING or UNKNOWN`,
      );
  }
}

function nameOf(status: StatusNumber): ServingStatus {
  if (status === StatusNumber.SERVING) return 'SERVING';
  return status === StatusNumber.NOT_SERVING ? 'NOT_SERVING' : 'UNKNOWN';
}
