// A channel's target string: where the backend is, and the authority that requests carry.
// gRPC naming: `dns:///host:port`, `host:port`, `unix:path`, `unix:///absolute/path`, `ipv4:`,
// `ipv6:`. Not here: looking names up (node:net does while it connects).

import type { Endpoint } from '../transport/connector.ts';

/** A parsed target. */
export interface Target {
  readonly endpoint: Endpoint;
  /** Default `:authority` of requests. */
  readonly authority: string;
}

const DEFAULT_PORT = 443;

/** Throws a TypeError that names the target and the accepted forms. */
export function parseTarget(target: string): Target {
  const unix = /^unix:(?:\/\/(?=\/))?(.+)$/.exec(target)?.[1];
  if (unix !== undefined) {
    return { endpoint: { kind: 'unix', path: unix }, authority: 'localhost' };
  }
  const name = target.replace(/^(?:dns:(?:\/\/[^/]*\/)?|ipv4:|ipv6:)/, '');
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:/[\]\s]+))(?::(\d{1,5}))?$/.exec(name);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (host === undefined || port > 65_535) {
    throw new TypeError(
      `target ${JSON.stringify(target)} is not understood; use "host:port", "[v6]:port", "dns:///host:port" or "unix:/path"`,
    );
  }
  const shown = host.includes(':') ? `[${host}]` : host;
  return { endpoint: { kind: 'tcp', host, port }, authority: `${shown}:${port}` };
}
