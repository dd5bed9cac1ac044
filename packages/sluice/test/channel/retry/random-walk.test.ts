// Random calls, attempts and events: whatever happens in whatever order, a call has one status, its
// caller hears of one attempt, and nothing is left behind.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Metadata } from '#sluice/grpc/metadata.js';
import { Status } from '#sluice/grpc/status.js';
import { mulberry32 } from '../../support/random.js';
import {
  type HeardCall,
  hedgingConfig,
  pushback,
  retryConfig,
  Scripted,
  type ScriptedAttempt,
} from './scripted-attempts.js';

const KIB = 1024;
const SEEDS = 300;
const STEPS = 200;
const NOTHING = { sent: [], closed: false };

function walk(seed: number): void {
  const random = mulberry32(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const configs = [retryConfig(4), hedgingConfig(4, 100), hedgingConfig(3, 0)];
  const scripted = new Scripted(configs[seed % 3] ?? retryConfig(), 400 * KIB);
  scripted.chance = random;
  if (random() < 0.5) scripted.retries.configure({ maxTokens: 5, tokenRatio: 0.5 });
  const headed = new Set<ScriptedAttempt>();
  // The messages of each call by their lengths, no two of which are the same; whole requests have none.
  const streams = new Map<string, { heard: HeardCall; sent: string[]; closed: boolean }>();
  scripted.onMade = (attempt) => {
    const choice = random();
    if (choice < 0.1) attempt.onStart = () => attempt.end(Status.UNAVAILABLE);
    else if (choice < 0.15) attempt.onStart = () => attempt.refuse('here');
    else if (choice < 0.3) attempt.writable = false;
  };

  function playCall(): void {
    const heard = scripted.calls[below(scripted.calls.length)];
    if (heard === undefined || random() < 0.2) {
      const id = String(scripted.calls.length);
      const metadata = new Metadata({ id });
      const timeoutMs = random() < 0.3 ? 50 + below(500) : undefined;
      const whole = 'x'.repeat(random() < 0.1 ? 100 * KIB : 10);
      const isStream = random() < 0.6;
      const made = scripted.call({ metadata, timeoutMs }, isStream ? undefined : whole);
      made.call.request(2);
      if (isStream) streams.set(id, { heard: made, sent: [], closed: false });
      return;
    }
    if (random() < 0.05) heard.call.cancel();
    else if (random() < 0.2) heard.call.request(1);
  }

  function playWriter(): void {
    const all = [...streams.values()].filter(({ heard, closed }) => !closed && !heard.call.isEnded);
    const stream = all[below(all.length)];
    if (stream === undefined) return;
    const length = (random() < 0.2 ? 100 * KIB : 100) + stream.sent.length;
    stream.sent.push(String(length));
    stream.heard.call.send(Buffer.alloc(length));
    if (random() < 0.9) return;
    stream.closed = true;
    stream.heard.call.halfClose();
  }

  function playAttempt(): void {
    const open = scripted.made.filter(({ isEnded }) => !isEnded);
    const attempt = open[below(open.length)];
    if (attempt === undefined) return;
    const choice = random();
    if (choice < 0.2) attempt.writable = false;
    else if (choice < 0.4) attempt.room();
    else if (choice < 0.55 && !headed.has(attempt)) {
      headed.add(attempt);
      attempt.header();
    } else if (choice < 0.7 && headed.has(attempt)) attempt.message('m');
    else if (choice < 0.9) attempt.end(Status.UNAVAILABLE);
    else if (choice < 0.93) attempt.end(Status.UNAVAILABLE, '', pushback(String(below(300) - 50)));
    else if (choice < 0.95) attempt.refuse('here');
    else if (choice < 0.97) attempt.end(Status.INTERNAL);
    else attempt.end(Status.OK);
  }

  for (let step = 0; step < STEPS; step += 1) {
    const choice = random();
    if (choice < 0.2) playCall();
    else if (choice < 0.45) playWriter();
    else if (choice < 0.85) playAttempt();
    else scripted.clock.advance(below(200));
  }
  for (const attempt of scripted.made) {
    const { sent, closed } = streams.get(attempt.options.metadata?.get('id') ?? '') ?? NOTHING;
    assert.deepEqual(attempt.sent, sent.slice(0, attempt.sent.length), 'messages out of order');
    if (attempt.halfClosed) assert.ok(closed && attempt.sent.length === sent.length);
  }
  // No attempt is answered any more: every call comes to its end by itself.
  for (let round = 0; round < 30; round += 1) {
    for (const attempt of scripted.made) if (!attempt.isEnded) attempt.end(Status.UNAVAILABLE);
    scripted.clock.advance(2_000);
  }
  for (const { events } of scripted.calls) {
    assert.equal(events.filter((event) => /^[A-Z_]+: /.test(event)).length, 1, events.join('\n'));
    assert.match(events.at(-1) ?? '', /^[A-Z_]+: /);
    assert.ok(events.filter((event) => event === 'header').length <= 1);
  }
  scripted.finish();
}

it('every call has exactly one status and leaves nothing behind, in any order of events', () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      walk(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
