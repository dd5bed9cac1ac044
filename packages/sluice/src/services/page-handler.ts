// How the page answers a request: with the document, with figures as events, with figures once, or with
// why not.
// Invariants: one address for all of it, by what the request accepts; every answer has PAGE_HEADERS.
// Not here: who may ask (page-guard.ts), what the figures are (page-feed.ts).

import type { IncomingMessage, ServerResponse } from 'node:http';
import { PAGE_DOCUMENT, PAGE_HEADERS } from './page-document.ts';
import { MAX_VIEWERS, type PageFeed } from './page-feed.ts';
import { pageRefusal } from './page-guard.ts';

/** Options of `statsPage`. */
export interface PageOptions {
  /**
   * Answers other machines too; default false. The page shows addresses and load and asks for no
   * password: put one in front of it.
   */
  readonly allowRemote?: boolean | undefined;
  /**
   * Names in the `Host` header that are answered beside IP addresses and localhost, without ports;
   * default none. Needed behind a proxy or under a name.
   */
  readonly allowedHosts?: readonly string[] | undefined;
}

/** A handler of node:http: `createServer(statsPage())`. */
export type PageHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers requests from a feed. */
export function pageHandler(feed: PageFeed, options: PageOptions): PageHandler {
  const allowRemote = options.allowRemote === true;
  const hosts = (options.allowedHosts ?? []).map((host) => host.toLowerCase());
  return (request, response) => {
    const refusal = pageRefusal(request, allowRemote, hosts);
    if (refusal === undefined) answer(feed, request, response);
    else plain(response, refusal.status, refusal.text);
  };
}

function answer(feed: PageFeed, request: IncomingMessage, response: ServerResponse): void {
  const accept = request.headers.accept ?? '';
  const isHead = request.method === 'HEAD';
  if (accept.includes('text/event-stream')) {
    if (feed.isFull) {
      const text = `the page is open ${MAX_VIEWERS} times, which is as often as it may be; close one`;
      plain(response, 503, text);
      return;
    }
    response.writeHead(200, { ...PAGE_HEADERS, 'content-type': 'text/event-stream' });
    if (isHead) response.end();
    else feed.join(response);
    return;
  }
  if (accept.includes('application/json') && !accept.includes('text/html')) {
    response.writeHead(200, { ...PAGE_HEADERS, 'content-type': 'application/json' });
    response.end(isHead ? '' : feed.once());
    return;
  }
  response.writeHead(200, { ...PAGE_HEADERS, 'content-type': 'text/html; charset=utf-8' });
  response.end(isHead ? '' : PAGE_DOCUMENT);
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...PAGE_HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}
