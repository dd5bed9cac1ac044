// Whether a backend is reached by an HTTP CONNECT proxy, and which: the channel's own setting, or
// the environment's variables.
// Invariant: the setting wins over the environment; a proxy that is named but cannot be used is an
// error, never a reason to connect directly. gRFC A1 case 1; the variables are those of gRPC Core.
// Not here: the tunnel itself (transport/proxy-connect.ts).

import type { Endpoint } from '../transport/connector.ts';
import { inSubnet, ipFamily, isLoopback } from '../transport/ip-address.ts';
import { type HostPort, hostPortText, parseHostPort } from './host-port.ts';

/** The environment, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that speaks plain HTTP/1.1. */
export interface ProxySettings {
  readonly host: string;
  readonly port: number;
  /** Value of `Proxy-Authorization`, from the URL's user and password. */
  readonly authorization: string | undefined;
}

/** Of an `http:` URL that names no port. */
const HTTP_PORT = 80;

/**
 * In order, the first that is set is used, and set to '' it says that there is none. HTTP_PROXY is
 * ignored in a CGI program, where the header `Proxy:` of a request would set it.
 */
const PROXY_VARIABLES = [
  'grpc_proxy',
  'GRPC_PROXY',
  'https_proxy',
  'HTTPS_PROXY',
  'http_proxy',
  'HTTP_PROXY',
];
const NO_PROXY_VARIABLES = ['no_grpc_proxy', 'NO_GRPC_PROXY', 'no_proxy', 'NO_PROXY'];

/**
 * The proxy to a backend; undefined for a direct connection.
 * @param setting `ChannelOptions.proxy`: a URL is used for every backend, `false` for none,
 *   undefined leaves it to the environment. From the environment, names that mean this machine
 *   (`localhost`, loopback addresses) and those in `no_grpc_proxy` or `no_proxy` have no proxy.
 * @throws TypeError that names the setting or the variable, when its URL cannot be used
 */
export function proxyFor(
  backend: HostPort,
  setting: string | false | undefined,
  environment: Environment,
): ProxySettings | undefined {
  if (setting === false) return undefined;
  if (setting !== undefined) return parseProxyUrl(setting, 'proxy');
  const variable = PROXY_VARIABLES.find((name) => {
    if (name === 'HTTP_PROXY' && environment.REQUEST_METHOD !== undefined) return false;
    return environment[name] !== undefined;
  });
  const url = variable === undefined ? undefined : environment[variable];
  if (variable === undefined || url === undefined || url === '') return undefined;
  if (isThisMachine(backend.host) || isExcluded(backend, environment)) return undefined;
  return parseProxyUrl(url, variable);
}

/** Checks `ChannelOptions.proxy`. @throws TypeError that names it */
export function checkProxy(setting: string | false | undefined): void {
  if (typeof setting === 'string') parseProxyUrl(setting, 'proxy');
  else if (setting !== undefined && setting !== false) {
    throw new TypeError(`proxy is ${String(setting)}; use "http://host:port", or false for none`);
  }
}

/** The endpoint of a backend behind a proxy, which looks the backend's name up by itself. */
export function proxiedEndpoint(backend: HostPort, proxy: ProxySettings): Endpoint {
  const to = hostPortText(backend);
  const { host, port, authorization } = proxy;
  const tunnel = authorization === undefined ? { to } : { to, authorization };
  return { kind: 'tcp', host, port, tunnel };
}

function parseProxyUrl(text: string, source: string): ProxySettings {
  // curl and others take a bare host:port as well.
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || url.protocol !== 'http:' || url.hostname === '') {
    // Without user and password: errors end up in logs.
    const shown = JSON.stringify(text.replace(/^(.*:\/\/)?.*@/s, '$1***@'));
    throw new TypeError(
      `${source} is ${shown}; use "http://host:port", gRPC reaches proxies by plain HTTP CONNECT only`,
    );
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: url.port === '' ? HTTP_PORT : Number(url.port),
    authorization: basicAuthorization(url),
  };
}

// RFC 7617 §2.
function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const pair = `${unescaped(username)}:${unescaped(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

// A password with a lone % is meant as it stands.
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isThisMachine(host: string): boolean {
  return /^(?:.*\.)?localhost\.?$/i.test(host) || isLoopback(host);
}

function isExcluded(backend: HostPort, environment: Environment): boolean {
  const variable = NO_PROXY_VARIABLES.find((name) => environment[name] !== undefined);
  const list = variable === undefined ? '' : (environment[variable] ?? '');
  return list.split(/[\s,]+/).some((entry) => entry !== '' && excludes(entry, backend));
}

// `*`, a domain with everything below it, an address, a subnet; a domain or address with a port
// excludes that port only.
function excludes(entry: string, { host, port }: HostPort): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return inSubnet(host, entry);
  if (ipFamily(entry) !== 0) return sameAddress(entry, host);
  const domain = entry.replace(/^\*?\./, '');
  const parsed = parseHostPort(domain, port);
  if (parsed === undefined || parsed.port !== port) return false;
  if (ipFamily(parsed.host) !== 0) return sameAddress(parsed.host, host);
  const name = parsed.host.toLowerCase();
  const target = host.toLowerCase();
  return target === name || (ipFamily(host) === 0 && target.endsWith(`.${name}`));
}

// One address may be written in several ways.
function sameAddress(one: string, other: string): boolean {
  return one === other || inSubnet(other, `${one}/${ipFamily(one) === 4 ? 32 : 128}`);
}
