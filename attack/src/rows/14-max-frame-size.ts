// Row 14, a MAX_FRAME_SIZE that RFC 9113 §6.5.2 does not allow: 0, one below the least, one above the
// most, as the first SETTINGS and while a response is being written, which frames of 0 bytes would
// never end.

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { PAYLOAD, PAYLOAD_BYTES } from '../runtimes/runtime.ts';
import {
  data,
  headers,
  message,
  requestBlock,
  Setting,
  settings,
  windowUpdate,
} from '../wire/frames.ts';
import { RawCalls } from '../wire/raw-calls.ts';
import { RawPeer } from '../wire/raw-peer.ts';

const FORBIDDEN = [0, 16_383, 2 ** 24];
const ALLOWED = [16_384, 16_385, 2 ** 24 - 1];
const ROUNDS = 30;
const PROTOCOL_ERROR = 1;
const CREDIT = 4 * PAYLOAD_BYTES;
const MOST_CPU_MS = 1_000;

function payloadCall(id: number): Buffer {
  return Buffer.concat([
    headers(id, requestBlock(PAYLOAD)),
    data(id, message(Buffer.alloc(0)), true),
  ]);
}

const flood: Attack = async (address) => {
  let cases = 0;
  let goAways = 0;
  let closed = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const size of FORBIDDEN) {
      const atOnce = await RawPeer.connect(address, { settings: [[Setting.MAX_FRAME_SIZE, size]] });
      atOnce.write(payloadCall(1));
      const later = await RawPeer.connect(address);
      later.write(payloadCall(1));
      await later.until(() => later.dataBytes > 0, 2_000);
      const change = settings([[Setting.MAX_FRAME_SIZE, size]]);
      later.write(Buffer.concat([change, windowUpdate(0, CREDIT), windowUpdate(1, CREDIT)]));
      for (const peer of [atOnce, later]) {
        cases += 1;
        await peer.untilClosed(3_000);
        if (peer.goAway?.errorCode === PROTOCOL_ERROR) goAways += 1;
        if (peer.closed) closed += 1;
        peer.end();
      }
    }
  }
  return { cases, goAways, closed };
};

/** Sizes that are allowed, changed while a response of 1 MB is on its way. */
const allowed: Attack = async (address) => {
  let served = 0;
  for (const size of ALLOWED) {
    const peer = await RawPeer.connect(address, { settings: [[Setting.MAX_FRAME_SIZE, size]] });
    const calls = new RawCalls(peer);
    peer.write(payloadCall(1));
    await peer.until(() => peer.dataBytes > 0, 2_000);
    const change = settings([[Setting.MAX_FRAME_SIZE, 16_384]]);
    peer.write(Buffer.concat([change, windowUpdate(0, CREDIT), windowUpdate(1, CREDIT)]));
    const answer = await calls.endOf(1);
    if (answer?.grpcStatus === 0 && answer.bytes === PAYLOAD_BYTES + 5) served += 1;
    peer.end();
  }
  return { served };
};

export const attacks: AttackModule['attacks'] = { flood, allowed };

export const rows: readonly Row[] = [
  floodRow({
    row: 14,
    name: 'MAX_FRAME_SIZE 0, 16,383, 2^24',
    direction: 'server',
    tls: false,
    expected: 'GOAWAY(PROTOCOL_ERROR) and the end of the connection for each; CPU at most 1 s',
    module: import.meta.url,
    attack: 'flood',
    seconds: 15,
    counters: ['protocol-errors'],
    judge: ({ seen, cpuMs }) => {
      const faults: string[] = [];
      if (seen.goAways !== seen.cases)
        faults.push(`${seen.goAways} GOAWAY for ${seen.cases} cases`);
      if (seen.closed !== seen.cases) faults.push(`${seen.closed} of ${seen.cases} were closed`);
      if (cpuMs > MOST_CPU_MS) faults.push(`${cpuMs.toFixed(0)} ms of CPU`);
      return faults;
    },
    twin: {
      attack: 'allowed',
      seconds: 10,
      judge: ({ served }) =>
        served === ALLOWED.length ? [] : [`${served} of ${ALLOWED.length} sizes were served`],
    },
  }),
];
