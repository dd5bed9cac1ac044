// Row 19: a length prefix that claims 4 GB, and one that claims a byte above the limit. A claim is
// five bytes: whoever makes room for it, or reads on to see, has lost.
// The twin is a message of exactly the limit.

import type { Attack, AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO, READ } from '../runtimes/runtime.ts';
import { data, FrameType, message, requestBlock } from '../wire/frames.ts';
import { hearRequests, responseHeaders } from '../wire/hostile-server.ts';
import { Probe } from '../wire/probe.ts';

const LIMIT = 4 * 1024 * 1024;
const MOST_BUFFERED = 65_536;
const CLAIMS = [0xffff_ffff, LIMIT + 1];
const CLAIMS_IN_ALL = 20_000;
const AT_ONCE = 50;
/** Bytes of the message that follow its prefix, as they would of an honest one. */
const BEHIND = 1_024;
const REFUSED = 'status 8';

function prefix(length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** Each claim, for a method that wants a message and for one that wants many, and nothing behind. */
async function claimEach(probe: Probe): Promise<string[]> {
  const wrong: string[] = [];
  for (const path of [ECHO, READ]) {
    for (const length of CLAIMS) {
      // The stream stays open: an answer is one to the five bytes.
      const { text } = await probe.ask(requestBlock(path), prefix(length), false, 2_000);
      if (text !== REFUSED) wrong.push(`${path} with ${length}: ${text}`);
    }
  }
  return wrong;
}

const claims: Attack = async (address) => {
  const probe = await Probe.connect(address);
  const wrong = await claimEach(probe);
  let refused = 0;
  let others = 0;
  const untilMs = performance.now() + 10_000;
  const block = requestBlock(READ);
  for (let at = 0; at < CLAIMS_IN_ALL && performance.now() < untilMs; at += AT_ONCE) {
    const asked = Array.from({ length: AT_ONCE }, (_, i) => {
      const length = CLAIMS[i % CLAIMS.length] ?? 0;
      return probe.ask(block, Buffer.concat([prefix(length), Buffer.alloc(BEHIND)]), false, 2_000);
    });
    for (const { text } of await Promise.all(asked)) {
      if (text === REFUSED) refused += 1;
      else others += 1;
    }
    if (probe.peer.isOver) break;
  }
  const seen = {
    afterPrefixAlone: wrong.length === 0 ? 'refused' : wrong.join(', '),
    refused,
    others,
    mostBytesGranted: probe.sender.mostCredit,
    goAwayCode: probe.peer.goAway?.errorCode ?? 'none',
  };
  probe.end();
  return seen;
};

const exact: Attack = async (address) => {
  const probe = await Probe.connect(address);
  const body = message(Buffer.alloc(LIMIT));
  let echoed = 0;
  for (let i = 0; i < 4; i += 1) {
    const { text, bytes } = await probe.ask(requestBlock(ECHO), body);
    if (text === 'status 0' && bytes === body.length) echoed += 1;
  }
  probe.end();
  return { echoed };
};

export const attacks: AttackModule['attacks'] = { claims, exact };

const answers: Hostility = async (peer, seen) => {
  peer.greet();
  let asked = 0;
  hearRequests(peer, (id) => {
    const length = CLAIMS[asked % CLAIMS.length] ?? 0;
    asked += 1;
    const claim = data(id, Buffer.concat([prefix(length), Buffer.alloc(BEHIND)]));
    peer.write(Buffer.concat([responseHeaders(id, []), claim]));
  });
  const noted = peer.onFrame;
  peer.onFrame = (frame) => {
    noted(frame);
    if (frame.type === FrameType.RST_STREAM) seen.resets = Number(seen.resets ?? 0) + 1;
    const isCredit = frame.type === FrameType.WINDOW_UPDATE && frame.streamId !== 0;
    if (isCredit) seen.credits = Number(seen.credits ?? 0) + 1;
  };
  await peer.untilClosed(20_000);
};

export const hostilities: AttackModule['hostilities'] = { answers };

const SHARED: Pick<FloodPlan, 'row' | 'name' | 'tls' | 'module' | 'counters'> = {
  row: 19,
  name: 'message length above the limit',
  tls: false,
  module: import.meta.url,
  counters: ['message-length'],
};

export const rows: readonly Row[] = [
  floodRow({
    ...SHARED,
    direction: 'server',
    expected:
      'RESOURCE_EXHAUSTED after the five bytes of the prefix, at most 64 KiB buffered; a message of exactly the limit is echoed',
    attack: 'claims',
    seconds: 10,
    judge: ({ seen }) => [
      ...(seen.afterPrefixAlone === 'refused'
        ? []
        : [`after the prefix: ${seen.afterPrefixAlone}`]),
      ...(seen.others === 0 && seen.refused === CLAIMS_IN_ALL
        ? []
        : [`${seen.refused} of ${CLAIMS_IN_ALL} claims were answered by RESOURCE_EXHAUSTED`]),
      ...(Number(seen.mostBytesGranted) > MOST_BUFFERED
        ? [`${seen.mostBytesGranted} bytes were granted to a stream that claims too much`]
        : []),
    ],
    twin: {
      attack: 'exact',
      seconds: 10,
      judge: ({ echoed }) => (echoed === 4 ? [] : [`${echoed} of 4 messages of 4 MiB were echoed`]),
    },
  }),
  floodRow({
    ...SHARED,
    direction: 'client',
    expected: 'each call ends with RESOURCE_EXHAUSTED, no byte more is asked for',
    attack: 'answers',
    seconds: 3,
    load: {
      lines: 50,
      kind: 'unary',
      path: ECHO,
      request: Buffer.alloc(16),
      timeoutMs: 2_000,
      restMs: 5,
    },
    judge: ({ ends, seen }) => [
      ...Object.keys(ends?.codes ?? {})
        .filter((code) => code !== '8')
        .map((code) => `status ${code}: ${ends?.details[Number(code)]}`),
      ...(Number(seen.credits ?? 0) > 0 ? [`${seen.credits} WINDOW_UPDATEs for such streams`] : []),
    ],
  }),
];
