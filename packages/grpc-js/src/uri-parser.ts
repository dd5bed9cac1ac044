// Target names and "host:port" taken apart and put together.
// Source: gRPC naming.md ("Name Syntax"), RFC 3986 §3.2.2 for brackets around IPv6 addresses.
// Not here: what a scheme means (resolver.ts).

export interface GrpcUri {
  scheme?: string;
  authority?: string;
  path: string;
}

export interface HostPort {
  host: string;
  port?: number;
}

const URI = /^(?:([A-Za-z0-9+.-]+):)?(?:\/\/([^/]*)\/)?(.+)$/;
const DIGITS = /^\d+$/;

/** The parts of `scheme://authority/path`, of which only the path must be there; null if it is not. */
export function parseUri(uriString: string): GrpcUri | null {
  const match = URI.exec(uriString);
  if (match === null) return null;
  // The keys of missing parts are there, with undefined: so programs find them.
  return { scheme: match[1], authority: match[2], path: match[3] } as GrpcUri;
}

/** The host without brackets and the port; null where a port or a bracket is not understood. */
export function splitHostPort(path: string): HostPort | null {
  if (path.startsWith('[')) return splitBracketed(path);
  const parts = path.split(':');
  // Several colons: an IPv6 address without a port.
  if (parts.length !== 2) return { host: path };
  return withPort(parts[0] ?? '', parts[1] ?? '');
}

function splitBracketed(path: string): HostPort | null {
  const end = path.indexOf(']');
  if (end < 0) return null;
  const host = path.slice(1, end);
  if (!host.includes(':')) return null;
  if (path.length === end + 1) return { host };
  return path[end + 1] === ':' ? withPort(host, path.slice(end + 2)) : null;
}

function withPort(host: string, port: string): HostPort | null {
  return DIGITS.test(port) ? { host, port: Number(port) } : null;
}

/** The inverse of `splitHostPort`. */
export function combineHostPort(hostPort: HostPort): string {
  if (hostPort.port === undefined) return hostPort.host;
  if (hostPort.host.includes(':')) return `[${hostPort.host}]:${hostPort.port}`;
  return `${hostPort.host}:${hostPort.port}`;
}

/** The inverse of `parseUri`. */
export function uriToString(uri: GrpcUri): string {
  const scheme = uri.scheme === undefined ? '' : `${uri.scheme}:`;
  const authority = uri.authority === undefined ? '' : `//${uri.authority}/`;
  return scheme + authority + uri.path;
}

/** The service of a method path: "package.Service" of "/package.Service/Method". */
export function extractServiceName(methodName: string): string {
  return methodName.split('/')[1] ?? '';
}

/** What call credentials are asked for: "https://host/package.Service", without a port. */
export function computeServiceUrl(host: string, methodName: string): string {
  const hostname = splitHostPort(host)?.host ?? 'localhost';
  return `https://${hostname}/${extractServiceName(methodName)}`;
}
