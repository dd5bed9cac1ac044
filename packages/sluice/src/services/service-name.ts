// The full name of a service, `package.Service`, whatever says it: text or a definition of any family.
// Source: the paths of its methods, which every family has. Not here: descriptors
// (descriptor-index.ts).

import { type AnyService, serviceMethods } from '../service/any-service.ts';

/**
 * The full name of a service; text is taken as it stands.
 * @throws TypeError for what is neither text nor a service definition with methods
 */
export function serviceName(service: string | AnyService): string {
  if (typeof service === 'string') return service;
  const path = serviceMethods(service)[0]?.path;
  if (path === undefined) {
    throw new TypeError('the service definition has no methods; pass the name of the service');
  }
  return path.slice(1, path.lastIndexOf('/'));
}
