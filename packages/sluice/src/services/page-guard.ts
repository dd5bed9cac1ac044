// Who may look at the page: by default this machine alone, and only under a name that no foreign site can
// have.
// Invariants: the peer's address decides, not a header; a name in Host that is neither an address, nor
// localhost, nor allowed is refused, which is what stops DNS rebinding; nothing is answered across origins.
// Not here: what is shown (page.ts).

import type { IncomingMessage } from 'node:http';
import { ipFamily, isLoopback } from '../transport/ip-address.ts';

/** A refusal: an HTTP status and what to do. */
export interface PageRefusal {
  readonly status: 403 | 405;
  readonly text: string;
}

/** Why a request is not answered, or undefined. */
export function pageRefusal(
  request: IncomingMessage,
  allowRemote: boolean,
  allowedHosts: readonly string[],
): PageRefusal | undefined {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return {
      status: 405,
      text: `${request.method} is not answered here; the page is read with GET`,
    };
  }
  const peer = request.socket.remoteAddress;
  // A unix socket has no address; who may open it is decided by the file system.
  if (!allowRemote && peer !== undefined && !isLoopback(peer)) {
    const text = `this page is for the machine it runs on, and the request came from ${peer}; tunnel to it, as with ssh -L, or set allowRemote`;
    return { status: 403, text };
  }
  const host = hostName(request.headers.host ?? '');
  if (!isOwnName(host) && !allowedHosts.includes(host)) {
    const text = `the request names the host ${JSON.stringify(host.slice(0, 100))}, which may be a foreign site's; open the page by its address or localhost, or add the name to allowedHosts`;
    return { status: 403, text };
  }
  if (request.headers['sec-fetch-site'] === 'cross-site' && !isNavigation(request)) {
    return { status: 403, text: 'another site asked for this page; open it by itself' };
  }
  return undefined;
}

/** Addresses and localhost: no name server can make them a foreign site's. */
function isOwnName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || ipFamily(host) !== 0;
}

/** `Host` without its port and brackets, in lower case. */
function hostName(header: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header.trim().toLowerCase());
  return match?.[1] ?? match?.[2] ?? '';
}

function isNavigation({ headers }: IncomingMessage): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}
