// Whether the environment names a proxy that nobody here can use.
// Invariant: such a proxy is told of and passed over: calls go without one. Sluice itself would fail
// them, which is of no help to programs that never had a proxy that worked.
// Not here: which calls go by a proxy (Sluice's proxy.ts).

import { LogVerbosity } from './constants.ts';
import { log } from './logging.ts';

const VARIABLES: readonly string[] = ['grpc_proxy', 'https_proxy', 'http_proxy'];

/** Of the first variable that is set: whether it is no URL of the form `http://host:port`. */
export function isProxyUnusable(): boolean {
  const variable = VARIABLES.find((name) => process.env[name]);
  const value = variable === undefined ? undefined : process.env[variable];
  if (value === undefined) return false;
  const protocol = URL.canParse(value) ? new URL(value).protocol : undefined;
  if (protocol === 'http:') return false;
  log(
    LogVerbosity.ERROR,
    protocol === undefined
      ? `cannot parse value of "${variable}" env var`
      : `"${protocol}" scheme not supported in proxy URI`,
  );
  return true;
}
