// The version of an installed package, from its package.json: the report names every side's.
// Not here: versions of toolchains, which the peers say themselves.

import { createRequire } from 'node:module';

/** `unknown` if the manifest has no version; throws if the package is not installed. */
export function packageVersion(name: string): string {
  const manifest: unknown = createRequire(import.meta.url)(`${name}/package.json`);
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
