// A client that means no good, in a process of its own: opens many connections with all the window
// that HTTP/2 can express, asks for large responses on each, and is stopped by the parent before it
// reads them. By `node:http2`, since no gRPC client lets a program do that.

import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { serveParent } from './parent-link.ts';
import type { Done, HostileCommand } from './protocol.ts';
import { LARGE_PATH } from './runtime.ts';

const WINDOW = 0x7fff_ffff;
/** An empty gRPC message. */
const EMPTY_MESSAGE = Buffer.alloc(5);
/** Connections that are opened at a time. */
const AT_ONCE = 20;

const sessions: ClientHttp2Session[] = [];

function open(port: number): Promise<ClientHttp2Session | null> {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`, {
      settings: { initialWindowSize: WINDOW },
    });
    session.on('error', () => resolve(null));
    session.on('close', () => resolve(null));
    session.once('connect', () => {
      session.setLocalWindowSize(WINDOW);
      resolve(session);
    });
  });
}

function ask(session: ClientHttp2Session): void {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: LARGE_PATH,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    [constants.HTTP2_HEADER_TE]: 'trailers',
  });
  stream.on('error', () => {});
  stream.end(EMPTY_MESSAGE);
}

async function handle(command: HostileCommand): Promise<Done> {
  for (let opened = 0; opened < command.connections; opened += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, () => open(command.port));
    for (const session of await Promise.all(batch)) if (session !== null) sessions.push(session);
  }
  for (const session of sessions) {
    if (session.destroyed) continue;
    for (let stream = 0; stream < command.streams; stream++) ask(session);
  }
  // The requests are written in this turn and the next; then the parent stops this process.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return {};
}

serveParent(handle, () => {});
