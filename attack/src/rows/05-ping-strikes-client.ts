// Row 5 against a client: a server that pings far too often and reads the answers. gRPC has no strikes
// for servers (gRFC A8 is about clients): the client answers, at no cost that matters.

import { setTimeout as pause } from 'node:timers/promises';
import type { AttackModule, Hostility } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { Flag, FrameType, ping } from '../wire/frames.ts';
import { emptyAnswer, hearRequests } from '../wire/hostile-server.ts';

const SECONDS = 3;
const EACH_MS = 2;

const pings: Hostility = async (peer, seen) => {
  peer.greet();
  let acks = 0;
  hearRequests(peer, (id) => peer.write(emptyAnswer(id)));
  const requests = peer.onFrame;
  peer.onFrame = (frame) => {
    if (frame.type === FrameType.PING && (frame.flags & Flag.ACK) !== 0) acks += 1;
    requests(frame);
  };
  const untilMs = performance.now() + SECONDS * 1000;
  let sent = 0;
  for (; !peer.isOver && performance.now() < untilMs; sent += 1) {
    peer.write(ping(sent));
    await pause(EACH_MS);
  }
  seen.pings = Number(seen.pings ?? 0) + sent;
  seen.acks = Number(seen.acks ?? 0) + acks;
};

export const hostilities: AttackModule['hostilities'] = { pings };

export const rows: readonly Row[] = [
  floodRow({
    row: 5,
    name: 'pings too often',
    direction: 'client',
    tls: false,
    expected: 'answered, at no cost: gRPC knows strikes of servers against clients only',
    module: import.meta.url,
    attack: 'pings',
    seconds: SECONDS,
    counters: [],
    load: {
      lines: 4,
      kind: 'unary',
      path: ECHO,
      request: Buffer.alloc(16),
      timeoutMs: 2_000,
      restMs: 10,
    },
    judge: ({ seen }) =>
      Number(seen.acks) < Number(seen.pings) * 0.9
        ? [`${seen.acks} answers to ${seen.pings} pings`]
        : [],
  }),
];
