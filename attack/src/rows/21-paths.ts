// Row 21: paths that are none of a method, above all those that something else may read as one
// (CVE-2026-33186: an interceptor that decides by the path saw another than the one served).

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO, SEEN, SLOW } from '../runtimes/runtime.ts';
import { message, requestBlock } from '../wire/frames.ts';
import { askEach, Probe, type Variant } from '../wire/probe.ts';

const ROUNDS = 100;
const UNIMPLEMENTED = 'status 12';
/** nghttp2 refuses a `:path` without a leading `/` before anybody else sees it (RFC 9113 §8.3.1). */
const MALFORMED = 'reset 1';

const NO_PATHS = [
  '',
  '*',
  '/',
  '//',
  'attack.Target/Echo',
  'x/attack.Target/Echo',
  'http://attack.test/attack.Target/Echo',
  '\\attack.Target\\Echo',
  ' /attack.Target/Echo',
];
const ALIASES = [
  '//attack.Target/Echo',
  '/attack.Target//Echo',
  '/attack.Target/Echo/',
  '/attack.Target/Echo//',
  '/./attack.Target/Echo',
  '/attack.Target/./Echo',
  '/attack.Target/Echo/.',
  '/x/../attack.Target/Echo',
  '/attack.Target/x/../Echo',
  '/attack.Target/Echo/..',
  '/../attack.Target/Echo',
  '/attack.Target/..',
  '/attack.Target/Echo/../Echo',
  '/attack.Target/%45cho',
  '/attack.Target%2FEcho',
  '/%2e%2e/attack.Target/Echo',
  '/attack.Target/Echo?x=1',
  '/attack.Target/Echo#x',
  '/attack.Target/Echo;x',
  '/attack.target/echo',
  '/ATTACK.TARGET/ECHO',
  '/attack.Target/Echo%00',
  '/attack.Target/Echo%20',
  '/attack.Target\\Echo',
  '/attack.Target',
  '/Echo',
  '/__proto__/toString',
  '/constructor/prototype',
];

const body = message(Buffer.from('hello'));

function variant(path: string, answers: readonly string[]): Variant {
  return { name: `'${path}'`, block: requestBlock(path), body, answers };
}

/** Every path of the row. */
export const PATHS: readonly Variant[] = [
  ...NO_PATHS.map((path) => variant(path, [UNIMPLEMENTED, MALFORMED])),
  ...ALIASES.map((path) => variant(path, [UNIMPLEMENTED])),
];

/** What the row and the good client, which warms the server up, call by their right names. */
const SERVED: readonly string[] = [ECHO, SEEN, SLOW];

async function pathsSeen(probe: Probe): Promise<readonly string[]> {
  const answer = await probe.ask(requestBlock(SEEN), message(Buffer.alloc(0)));
  // JSON that our own server in the other process made.
  return answer.text === 'status 0'
    ? (JSON.parse(answer.body.toString('utf8', 5)) as string[])
    : [];
}

const paths: Attack = async (address) => {
  const { right, others } = await askEach(address, PATHS);
  const probe = await Probe.connect(address);
  const control = await probe.ask(requestBlock(ECHO), body);
  let asked = 0;
  for (let i = 0; i < ROUNDS && !probe.peer.isOver; i += 1) {
    await Promise.all(PATHS.map(({ block }) => probe.ask(block, body)));
    asked += PATHS.length;
  }
  const seenPaths = await pathsSeen(probe);
  const seen = {
    variants: PATHS.length,
    right,
    others: others.join(', '),
    asked,
    control: control.text,
    goAwayCode: probe.peer.goAway?.errorCode ?? 'none',
    interceptorSaw: seenPaths.filter((path) => !SERVED.includes(path)).join(', '),
    interceptorWorks: seenPaths.includes(ECHO) ? 'yes' : 'no',
  };
  probe.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { paths };

export const rows: readonly Row[] = [
  floodRow({
    row: 21,
    name: 'paths that are no method',
    direction: 'server',
    tls: false,
    expected: 'UNIMPLEMENTED for each; no interceptor sees a path but those of the methods',
    module: import.meta.url,
    attack: 'paths',
    seconds: 8,
    counters: [],
    serve: { limits: { streams: 100, handlers: 100 }, seesPaths: true },
    judge: ({ seen }, runtime) => [
      ...wrongOf(String(seen.others), runtime === 'sluice'),
      ...(seen.control === 'status 0' ? [] : [`the method itself: ${seen.control}`]),
      ...(seen.interceptorWorks === 'yes' ? [] : ['the interceptor did not see the method itself']),
      ...(seen.interceptorSaw === '' ? [] : [`an interceptor saw ${seen.interceptorSaw}`]),
      ...(seen.asked === ROUNDS * PATHS.length ? [] : [`${seen.asked} requests, then the end`]),
    ],
  }),
];

/** `~` is an answer that is right as well, though not what ours has to be. */
function wrongOf(others: string, isOurs: boolean): string[] {
  const wrong = others
    .split(', ')
    .filter((text) => text !== '' && (isOurs || !text.startsWith('~')));
  return wrong.length === 0 ? [] : [`answered otherwise: ${wrong.join(', ')}`];
}
