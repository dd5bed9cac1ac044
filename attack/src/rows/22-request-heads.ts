// Row 22: request headers that are broken, or that only look so. Each has one right answer; some of
// those are gRPC's own, where RFC 9113 alone would have allowed another (CVE-2026-48068).

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { block, type Fields, message, requestFields } from '../wire/frames.ts';
import { askEach, Probe, type Variant } from '../wire/probe.ts';

const ROUNDS = 5;
const body = message(Buffer.from('hello'));

const OK = 'status 0';
const MALFORMED = 'reset 1';
const BAD_REQUEST = 'HTTP 400';
const INTERNAL = 'status 13';

/** The fields of a good request, one of them replaced, or left out by undefined. */
function replaced(name: string, value: string | undefined): Fields {
  const fields = requestFields(ECHO);
  if (value === undefined) return fields.filter(([known]) => known !== name);
  return fields.map(([known, old]) => [known, known === name ? value : old] as const);
}

function added(name: string, value: string): Fields {
  return [...requestFields(ECHO), [name, value]];
}

function one(name: string, fields: Fields, ...answers: readonly string[]): Variant {
  return { name, block: block(fields), body, answers };
}

/** Every header section of the row. The first answer is the one of ours. */
export const HEADS: readonly Variant[] = [
  one('no te', replaced('te', undefined), OK),
  one('te: gzip', replaced('te', 'gzip'), MALFORMED),
  one('no content-type', replaced('content-type', undefined), 'HTTP 415'),
  one('content-type: text/plain', replaced('content-type', 'text/plain'), 'HTTP 415'),
  one('content-type: application/grpcx', replaced('content-type', 'application/grpcx'), 'HTTP 415'),
  one(
    'content-type: application/grpc+proto',
    replaced('content-type', 'application/grpc+proto'),
    OK,
  ),
  one('GET', replaced(':method', 'GET'), 'HTTP 405'),
  one('OPTIONS', replaced(':method', 'OPTIONS'), 'HTTP 405'),
  one('no :method', replaced(':method', undefined), MALFORMED),
  one('no :scheme', replaced(':scheme', undefined), MALFORMED),
  one('no :path', replaced(':path', undefined), MALFORMED),
  one('no :authority', replaced(':authority', undefined), OK, MALFORMED),
  one(
    'duplicate :authority',
    [[':authority', 'a'], ...requestFields(ECHO)],
    BAD_REQUEST,
    MALFORMED,
  ),
  one('duplicate host', [...added('host', 'a'), ['host', 'b']], BAD_REQUEST, MALFORMED),
  one('duplicate :path', [[':path', ECHO], ...requestFields(ECHO)], MALFORMED),
  one('duplicate :method', [[':method', 'POST'], ...requestFields(ECHO)], MALFORMED),
  one('unknown pseudo-header', [[':magic', '1'], ...requestFields(ECHO)], MALFORMED),
  one('pseudo-header of a response', [[':status', '200'], ...requestFields(ECHO)], MALFORMED),
  one('pseudo-header behind a field', [['x', '1'], ...requestFields(ECHO)], MALFORMED),
  one('uppercase name', added('X-Name', '1'), MALFORMED),
  one('empty name', added('', '1'), MALFORMED),
  one('space in a name', added('a b', '1'), MALFORMED),
  one('colon in a name', added('a:b', '1'), MALFORMED),
  one('NUL in a value', added('x', 'a\0b'), MALFORMED),
  one('CR LF in a value', added('x', 'a\r\nb: c'), MALFORMED),
  one('connection', added('connection', 'close'), MALFORMED),
  one('keep-alive', added('keep-alive', 'timeout=5'), MALFORMED),
  one('proxy-connection', added('proxy-connection', 'close'), MALFORMED),
  one('transfer-encoding', added('transfer-encoding', 'chunked'), MALFORMED),
  one('upgrade', added('upgrade', 'h2c'), MALFORMED),
  one('content-length too large', added('content-length', '1000'), OK, MALFORMED),
  one('content-length too small', added('content-length', '1'), OK, MALFORMED),
  one('__proto__', added('__proto__', 'polluted'), OK),
  one('__proto__-bin', added('__proto__-bin', 'AAAA'), OK),
  one('constructor', added('constructor', 'polluted'), OK),
  one('prototype', added('prototype', 'polluted'), OK),
  one('__proto__ twice', [...added('__proto__', 'a'), ['__proto__', 'b']], OK),
  one('-bin that is not base64', added('x-bin', '!!!'), BAD_REQUEST),
  one('-bin of an odd length', added('x-bin', 'A'), BAD_REQUEST),
  one('-bin without padding', added('x-bin', 'AAA'), OK),
  one('empty -bin', added('x-bin', ''), OK),
  one('timeout without a unit', added('grpc-timeout', '1'), BAD_REQUEST, INTERNAL),
  one('timeout with another unit', added('grpc-timeout', '1x'), BAD_REQUEST, INTERNAL),
  one('empty timeout', added('grpc-timeout', ''), BAD_REQUEST, INTERNAL),
  one('negative timeout', added('grpc-timeout', '-1S'), BAD_REQUEST, INTERNAL),
  one('timeout of nine digits', added('grpc-timeout', '123456789S'), BAD_REQUEST, INTERNAL),
  one('timeout of 11,000 years', added('grpc-timeout', '99999999H'), OK),
  one('timeout of 0', added('grpc-timeout', '0S'), 'status 4'),
];

const heads: Attack = async (address) => {
  const { right, others } = await askEach(address, HEADS);
  const probe = await Probe.connect(address);
  let asked = 0;
  for (let i = 0; i < ROUNDS && !probe.peer.isOver; i += 1) {
    await Promise.all(HEADS.map((head) => probe.ask(head.block, body)));
    asked += HEADS.length;
  }
  const control = await probe.ask(block(requestFields(ECHO)), body);
  const seen = {
    variants: HEADS.length,
    right,
    others: others.join(', '),
    asked,
    control: control.text,
    goAwayCode: probe.peer.goAway?.errorCode ?? 'none',
  };
  probe.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { heads };

export const rows: readonly Row[] = [
  floodRow({
    row: 22,
    name: 'broken request headers',
    direction: 'server',
    tls: false,
    expected:
      'each the answer that gRPC and RFC 9113 name: HTTP 400, 405, 415, RST_STREAM(PROTOCOL_ERROR), a status, or none at all',
    module: import.meta.url,
    attack: 'heads',
    seconds: 5,
    counters: [],
    judge: ({ seen }, runtime) => {
      const wrong = String(seen.others)
        .split(', ')
        .filter((text) => text !== '' && (runtime === 'sluice' || !text.startsWith('~')));
      return [
        ...(wrong.length === 0 ? [] : [`answered otherwise: ${wrong.join(', ')}`]),
        ...(seen.control === 'status 0' ? [] : [`a good request afterwards: ${seen.control}`]),
        ...(seen.asked === ROUNDS * HEADS.length ? [] : [`${seen.asked} requests, then the end`]),
      ];
    },
  }),
];
