// The admin services: what every server that operators reach should have, such as channelz.
// Not here: any of them.

import type { ServiceDefinition } from './make-client.ts';
import type { Server, UntypedServiceImplementation } from './server.ts';

type GetServiceDefinition = () => ServiceDefinition;

type GetHandlers = () => UntypedServiceImplementation;

interface AdminService {
  readonly getServiceDefinition: GetServiceDefinition;
  readonly getHandlers: GetHandlers;
}

const services: AdminService[] = [];

/** Adds a service to those that `addAdminServicesToServer` adds. */
export function registerAdminService(
  getServiceDefinition: GetServiceDefinition,
  getHandlers: GetHandlers,
): void {
  services.push({ getServiceDefinition, getHandlers });
}

/** Adds every admin service to a server; they show what concerns operators alone. */
export function addAdminServicesToServer(server: Server): void {
  for (const { getServiceDefinition, getHandlers } of services) {
    server.addService(getServiceDefinition(), getHandlers());
  }
}
