// What a server answers to frames, as lines of a transcript.

import assert from 'node:assert/strict';
import type { Status } from '#sluice/grpc/status.js';
import type { MockPeer } from './mock-peer.js';
import { ServerEnd, type ServerEndOptions } from './server-end.js';

/** The server answers what `send` sends with `lines`; nothing stays behind. */
export async function expectLines(
  send: (peer: MockPeer) => void,
  lines: readonly (string | RegExp)[],
  options: ServerEndOptions = {},
): Promise<ServerEnd> {
  const end = await ServerEnd.ready({}, options);
  send(end.peer);
  const got = await end.transcript();
  assert.equal(got.length, lines.length, got.join('\n'));
  for (const [i, line] of lines.entries()) {
    if (typeof line === 'string') assert.equal(got[i], line);
    else assert.match(got[i] ?? '', line);
  }
  await end.finish();
  return end;
}

/** The line of a refusal: trailers only, with a text. */
export function answered(id: number, http: number, code: Status): RegExp {
  return new RegExp(`^HEADERS ${id} END_STREAM :status=${http} grpc-status=${code} grpc-message=.`);
}
