/// <reference types="node" preserve="true" />
// The entry point `sluice/page`: a page for a browser that shows what the channels and servers of the
// process hold and wait for, as a handler of node:http and as a server of its own.
// Invariants: there is none unless it is asked for; it shows and changes nothing; who is not on this
// machine is refused unless told otherwise. With its handler the one place outside the transport that has
// to do with a server of another kind. Not here: what is answered (page-handler.ts).

import { createServer } from 'node:http';
import { ipFamily, isLoopback } from '../transport/ip-address.ts';
import { checkNames, kindOf, type OptionNames } from '../transport/option-names.ts';
import { PageFeed } from './page-feed.ts';
import { type PageHandler, type PageOptions, pageHandler } from './page-handler.ts';

export type { PageHandler, PageOptions };

/** Options of `servePage`. */
export interface ServePageOptions extends PageOptions {
  /** TCP port; default 0, a free one. */
  readonly port?: number | undefined;
  /** Where to listen; default `127.0.0.1`. Another one than a loopback address needs `allowRemote`. */
  readonly host?: string | undefined;
}

/** A page that is served by `servePage`. */
export interface ServedPage {
  /** Where a browser finds it: `http://127.0.0.1:41234/`. */
  readonly url: string;
  readonly port: number;
  /** Ends it, with the pages that are open. */
  close(): Promise<void>;
}

const PAGE_NAMES: OptionNames<PageOptions> = { allowRemote: true, allowedHosts: true };
const SERVE_NAMES: OptionNames<ServePageOptions> = { ...PAGE_NAMES, port: true, host: true };

/**
 * The page as a handler of node:http, for any path of a server that is there already:
 * `http.createServer(statsPage()).listen(9090, '127.0.0.1')`. One address answers a browser with the
 * page, `Accept: text/event-stream` with figures once a second, `Accept: application/json` with them
 * once. It costs nothing until it is opened.
 * @throws TypeError for an option that is not understood
 */
export function statsPage(options: PageOptions = {}): PageHandler {
  checkNames('statsPage', options, PAGE_NAMES);
  const feed = new PageFeed();
  return pageHandler(feed, options);
}

/**
 * Serves the page by itself: `const { url } = await servePage()`. It does not keep the process running.
 * Rejects with the system's error, which names the address.
 * @throws TypeError for an option that is not understood, and for a host that other machines reach
 *   without `allowRemote`, as a rejection
 */
export async function servePage(options: ServePageOptions = {}): Promise<ServedPage> {
  checkNames('servePage', options, SERVE_NAMES);
  const { port = 0, host = '127.0.0.1' } = options;
  checkHost(host, options.allowRemote === true);
  const feed = new PageFeed();
  const server = createServer(pageHandler(feed, options));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  server.unref();
  server.on('connection', (socket) => socket.unref());
  const address = server.address();
  // A TCP server that listens has an address with a port.
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const name = ipFamily(host) === 6 ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound}/`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        feed.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function checkHost(host: unknown, allowRemote: boolean): void {
  if (typeof host !== 'string') {
    throw new TypeError(`host takes an address, not ${kindOf(host)}`);
  }
  if (allowRemote || host === 'localhost' || isLoopback(host)) return;
  throw new TypeError(
    `host is ${JSON.stringify(host)}, which other machines may reach; the page asks for no password, so use 127.0.0.1, or set allowRemote if who reaches it may read it`,
  );
}
