// `host:port` as targets and proxies write it, and what is said of a target that is not understood.
// Invariant: a host that comes out of here is an IP address without brackets or a name in ASCII, so
// that it may be looked up, sent as `:authority` and written into a CONNECT request as it is.
// RFC 3986 §3.2, gRPC naming.md. Not here: schemes (target.ts).

import { domainToASCII } from 'node:url';
import { ipFamily } from '../transport/ip-address.ts';

/** A host, an IP address or a name, and a port. */
export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The port of targets that name none: gRPC naming.md. */
export const DEFAULT_PORT: number = 443;

/** `host`, `host:port`, `[v6]` or `[v6]:port`; undefined for anything else. */
export function parseHostPort(
  text: string,
  defaultPort: number = DEFAULT_PORT,
): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:/?#@%[\]\s,]+))(?::(\d{1,5}))?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  const host = match[1] ?? asciiName(match[2] ?? '');
  if (host === '' || port > 65_535) return undefined;
  if (match[1] !== undefined && ipFamily(host) !== 6) return undefined;
  return { host, port };
}

/** `host:port`, an IPv6 address in brackets. */
export function hostPortText({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The name that a server's certificate has to carry for an authority: its host; '' where that is an
 * IP address, which is checked as one and has no place in SNI (RFC 6066 §3).
 */
export function serverNameOf(authority: string): string {
  const host = parseHostPort(authority)?.host ?? '';
  return ipFamily(host) === 0 ? host : '';
}

/** What `connect` throws for a target that no form of its scheme fits. */
export function targetNotUnderstood(target: string): TypeError {
  return new TypeError(
    `target ${JSON.stringify(target)} is not understood; use "host:port", "[v6]:port", "dns:///host:port", "ipv4:a:port,b:port", "ipv6:[a]:port,[b]:port", "static:a:port,b:port", "unix:/path" or "unix-abstract:name"`,
  );
}

// IDNA for names beyond ASCII; '' for one that has no such form. Control characters are in no name.
function asciiName(name: string): string {
  if (/^[!-~]+$/.test(name)) return name;
  return /[\0-\x20\x7f]/.test(name) ? '' : domainToASCII(name);
}
