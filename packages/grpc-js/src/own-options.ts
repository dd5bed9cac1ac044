// Sluice's own options among those of this package: `sluice.options` of a channel or a server.
// Invariant: they win over all others; limits that are not among them stay.
// Not here: what the other options come to (sluice-options.ts, server-options.ts).

import type { ChannelOptions } from './channel-options.ts';

interface Settings {
  readonly limits?: object;
}

/** @returns what Sluice checks, name by name, where it is used */
export function withOwnOptions<S extends Settings>(settings: S, options: ChannelOptions): S {
  const own: unknown = options['sluice.options'];
  if (typeof own !== 'object' || own === null) return settings;
  // Any object that a program gave.
  const given = own as S;
  return { ...settings, ...given, limits: { ...settings.limits, ...given.limits } };
}
