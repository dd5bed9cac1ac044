// Row 35: a stream of responses that nobody reads, and 50 of them. Whoever answers sends as much as
// the windows allow; what the windows do not hold back is kept.
// Against a server: its answers go to a client that reads nothing from its socket.

import { setTimeout as pause } from 'node:timers/promises';
import type { Attack, AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { STREAM } from '../runtimes/runtime.ts';
import { data, headers, message, requestBlock, Setting, windowUpdate } from '../wire/frames.ts';
import { hearRequests, responseHeaders } from '../wire/hostile-server.ts';
import { RawPeer } from '../wire/raw-peer.ts';
import { WindowedSender } from '../wire/windowed-sender.ts';

const MESSAGE_BYTES = 65_536;
/** Over all streams; held once, whatever is sent of it. */
const OFFERED_BYTES = 1_000_000_000;
const MESSAGES: Buffer = Buffer.concat(
  Array.from({ length: 64 }, () => message(Buffer.alloc(MESSAGE_BYTES, 's'))),
);
const STREAMS = 50;
const MOST_WINDOW = 0x7fff_ffff;
const SECONDS = 4;

function answering(streams: number): Hostility {
  return async (peer, seen) => {
    peer.greet();
    let sent = 0;
    const sender = new WindowedSender(peer, {
      framing: (id, bytes, endStream) => {
        sent += bytes.length;
        return data(id, bytes, endStream);
      },
    });
    hearRequests(peer, (id) => {
      peer.write(responseHeaders(id, []));
      const times = Math.ceil(OFFERED_BYTES / streams / MESSAGES.length);
      for (let i = 0; i < times; i += 1) sender.send(id, MESSAGES, false);
    });
    const noted = peer.onFrame;
    peer.onFrame = (frame) => {
      sender.hear(frame);
      noted(frame);
      seen.sentMB = Math.round(sent / 1e5) / 10;
    };
    await peer.untilClosed(20_000);
  };
}

export const hostilities: AttackModule['hostilities'] = {
  one: answering(1),
  fifty: answering(STREAMS),
};

/** Windows without an end, and a socket that nobody reads. */
const unread: Attack = async (address) => {
  const peer = await RawPeer.connect(address, {
    settings: [[Setting.INITIAL_WINDOW_SIZE, MOST_WINDOW]],
  });
  peer.write(windowUpdate(0, MOST_WINDOW - MESSAGE_BYTES));
  await peer.fence();
  peer.pause();
  const request = message(Buffer.from(`1000000,${MESSAGE_BYTES}`));
  const block = requestBlock(STREAM);
  for (let i = 0; i < STREAMS; i += 1) {
    const id = 2 * i + 1;
    peer.write(Buffer.concat([headers(id, block), data(id, request, true)]));
  }
  await pause(SECONDS * 1000);
  const seen = { streams: STREAMS, goAwayCode: peer.goAway?.errorCode ?? 'none' };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { unread };

const SHARED: Pick<FloodPlan, 'row' | 'tls' | 'module' | 'seconds' | 'counters'> = {
  row: 35,
  tls: false,
  module: import.meta.url,
  seconds: SECONDS,
  counters: [],
};

function ofClient(lines: number, attack: string, name: string): FloodPlan {
  return {
    ...SHARED,
    name,
    direction: 'client',
    expected: 'what the client keeps is bounded by its windows, whatever is offered (1 GB)',
    attack,
    load: {
      lines,
      kind: 'unread stream',
      path: STREAM,
      request: Buffer.from('1,1'),
      timeoutMs: (SECONDS + 1) * 1000,
      restMs: 0,
    },
    judge: ({ ends }) =>
      Object.keys(ends?.codes ?? {})
        .filter((code) => code !== '4')
        .map((code) => `status ${code}: ${ends?.details[Number(code)]}`),
  };
}

export const rows: readonly Row[] = [
  floodRow(ofClient(1, 'one', 'a response stream that nobody reads')),
  floodRow(ofClient(STREAMS, 'fifty', '50 response streams that nobody reads')),
  floodRow({
    ...SHARED,
    name: '50 response streams to a socket that nobody reads',
    direction: 'server',
    expected: 'what the server keeps is bounded by its quota for writes; handlers wait',
    attack: 'unread',
    mayAct: ['queued-bytes'],
  }),
];
