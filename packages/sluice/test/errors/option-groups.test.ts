// "Thrown: misuse" of docs/errors.md, of what bounds and shows a process: groups of options, the memory
// budget, the entry points beside the core. Not here: the rest of that section (misuse.test.ts).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConnectionsOptions } from '#sluice/channel/connections-options.js';
import { connect, createServer, memoryBudget, subscribe } from '#sluice/index.js';
import { type InstrumentOptions, instrument } from '#sluice/services/opentelemetry.js';
import { servePage, statsPage } from '#sluice/services/page.js';
import type { AdaptiveConcurrencyOptions } from '#sluice/transport/concurrency-limiter.js';
import { listed } from './listed.js';

/** What a program without types may pass. */
function loose<T>(value: unknown): T {
  return value as T;
}

function connections(options: unknown): void {
  connect('localhost:1', { connections: loose<ConnectionsOptions>(options) });
}

function adaptive(adaptiveConcurrency: AdaptiveConcurrencyOptions): void {
  connect('localhost:1', { adaptiveConcurrency });
}

const UNKNOWN = '<function> has no option "<name>"; it has <names>';
const TOO_SMALL = '<option> is <value>; it must be more than 0 <unit>';

type Row = readonly [
  what: string,
  kind: 'TypeError' | 'RangeError',
  text: string,
  act: () => unknown,
];

const ROWS: readonly Row[] = [
  [
    'an event that is none',
    'TypeError',
    'no event is named <name>; there are <names>',
    () => subscribe(loose<'sluice:call'>('sluice:calls'), () => {}),
  ],
  [
    'the policy of connections',
    'RangeError',
    'connections.policy is <value>; it must be single, fixed or automatic',
    () => connections({ policy: 'many' }),
  ],
  [
    'connections.maxConnections',
    'RangeError',
    'connections.maxConnections is <value>; with the policy <policy> it must be an integer from 1 to <n>',
    () => connections({ policy: 'fixed', maxConnections: 101 }),
  ],
  [
    'connections.openAfterMs',
    'RangeError',
    TOO_SMALL,
    () => connections({ policy: 'automatic', openAfterMs: 0 }),
  ],
  [
    'connections.idleMs',
    'RangeError',
    TOO_SMALL,
    () => connections({ policy: 'automatic', idleMs: -1 }),
  ],
  [
    'a name of connections',
    'TypeError',
    UNKNOWN,
    () => connections({ policy: 'single', count: 2 }),
  ],
  [
    'connections',
    'TypeError',
    '<function> takes an object of options, not <type>',
    () => connections(4),
  ],
  [
    'maxAttempts',
    'RangeError',
    'maxAttempts is <value>; it must be an integer of at least 1',
    () => connect('localhost:1', { maxAttempts: 1.5 }),
  ],
  [
    'adaptiveConcurrency.min',
    'RangeError',
    'adaptiveConcurrency.<name> is <value>; it must be an integer of at least 1',
    () => adaptive({ min: 0 }),
  ],
  [
    'adaptiveConcurrency.min above max',
    'RangeError',
    'adaptiveConcurrency.min is <n>; it must be at most max, <n>',
    () => adaptive({ min: 3, max: 2 }),
  ],
  [
    'adaptiveConcurrency.initial',
    'RangeError',
    'adaptiveConcurrency.initial is <n>; it must be from min to max',
    () => adaptive({ initial: 3, max: 2 }),
  ],
  ['adaptiveConcurrency.queueMs', 'RangeError', TOO_SMALL, () => adaptive({ queueMs: 0 })],
  [
    'shedQueueDelay.targetMs',
    'RangeError',
    TOO_SMALL,
    () => createServer({ shedQueueDelay: { targetMs: 0 } }),
  ],
  [
    'a name of shedQueueDelay',
    'TypeError',
    UNKNOWN,
    () => createServer({ shedQueueDelay: loose({ delay: 1 }) }),
  ],
  [
    'memoryBudget.limitBytes',
    'RangeError',
    'memoryBudget.limitBytes is <value>; it must be an integer of at least 1048576 (1 MiB), or Infinity for no limit',
    () => {
      memoryBudget.limitBytes = 1_000;
    },
  ],
  [
    'the meterProvider of instrument',
    'TypeError',
    'instrument: <option> has no <method>(); give one of the OpenTelemetry SDK',
    () => instrument(loose<InstrumentOptions>({ meterProvider: {} })),
  ],
  [
    'the tracerProvider of instrument',
    'TypeError',
    'instrument: <option> has no <method>(); give one of the OpenTelemetry SDK',
    () => instrument(loose<InstrumentOptions>({ tracerProvider: {} })),
  ],
  ['a name of statsPage', 'TypeError', UNKNOWN, () => statsPage(loose({ interval: 1 }))],
];

describe('misuse of a group of options', () => {
  for (const [what, kind, text, act] of ROWS) {
    it(`${what}: ${kind}`, () => {
      assert.throws(act, { name: kind, message: listed(text) });
    });
  }

  it('is the rejection of servePage: a host that others reach, and one that is none', async () => {
    await assert.rejects(servePage({ host: '0.0.0.0' }), {
      name: 'TypeError',
      message: listed(
        'host is "<host>", which other machines may reach; the page asks for no password, so use 127.0.0.1, or set allowRemote if who reaches it may read it',
        { host: '0.0.0.0' },
      ),
    });
    await assert.rejects(servePage({ host: loose(1) }), {
      name: 'TypeError',
      message: listed('host takes an address, not <type>', { type: 'number' }),
    });
  });
});
