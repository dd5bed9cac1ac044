// Hedged calls, retries that servers hold back, and throttling: how many attempts there are, what they
// say of themselves, which answer counts and what becomes of the others. gRFC A6.
// Not here: plain retries, and which configs are refused (client-service-config.ts).

import type { ServerHttp2Stream } from 'node:http2';
import type { Client, ClientOptions } from '@grpc/grpc-js';
import {
  type Answer,
  clientOf,
  decode,
  encode,
  framed,
  type Grpc,
  Log,
  type Order,
  PATHS,
  pause,
  startByHand,
  textOf,
} from './client-peer.ts';
import type { Observation } from './observation.ts';
import { type CallEnd, endOf, soon } from './one-call.ts';

type See = (name: string, value: unknown) => void;

const NAME = [{ service: 'test.Orders' }];
const HEAD = { ':status': 200, 'content-type': 'application/grpc' };

/** What the server does with one attempt. */
interface Step {
  /** A status; none: OK with a message. */
  readonly code?: number;
  /** Milliseconds before it. */
  readonly wait?: number;
  /** Never, until somebody ends it. */
  readonly hangs?: boolean;
  readonly pushback?: string;
  /** Headers before the status. */
  readonly header?: boolean;
  /** A message before the status. */
  readonly message?: boolean;
}

interface Attempt {
  readonly stream: ServerHttp2Stream;
  readonly previous: unknown;
  readonly atMs: number;
}

/** A server that does step n with attempt n, the last one again and again. */
class Steps {
  attempts: Attempt[] = [];
  private steps: readonly Step[] = [];

  static async listen(): Promise<{ readonly steps: Steps; readonly port: number }> {
    const steps = new Steps();
    const port = await startByHand((stream, headers) => {
      steps.attempts.push({
        stream,
        previous: headers['grpc-previous-rpc-attempts'] ?? null,
        atMs: performance.now(),
      });
      stream.resume();
      steps.answer(stream, steps.steps[Math.min(steps.attempts.length, steps.steps.length) - 1]);
    });
    return { steps, port };
  }

  reset(steps: readonly Step[]): void {
    this.attempts = [];
    this.steps = steps;
  }

  get previous(): unknown[] {
    return this.attempts.map(({ previous }) => previous);
  }

  /** How the streams of attempts ended, in the order of these: 8 is CANCEL. */
  async codes(): Promise<unknown[]> {
    await soon(() => this.attempts.every(({ stream }) => stream.closed), 1_000);
    return this.attempts.map(({ stream }) => (stream.closed ? stream.rstCode : 'open'));
  }

  private answer(stream: ServerHttp2Stream, step: Step = {}): void {
    const { header = false, message = false, wait = 0, hangs = false } = step;
    if (header || message) stream.respond(HEAD, { waitForTrailers: true });
    if (message) stream.write(framed(encode({ text: 'early' })));
    if (hangs) return;
    setTimeout(() => {
      if (!stream.destroyed && !stream.closed) this.end(stream, step);
    }, wait);
  }

  private end(stream: ServerHttp2Stream, { code = 0, pushback, header, message }: Step): void {
    const status = {
      'grpc-status': `${code}`,
      ...(pushback === undefined ? {} : { 'grpc-retry-pushback-ms': pushback }),
    };
    if (!header && !message) {
      if (code !== 0) {
        stream.respond({ ...HEAD, ...status }, { endStream: true });
        return;
      }
      stream.respond(HEAD, { waitForTrailers: true });
    }
    stream.on('wantTrailers', () => stream.sendTrailers(status));
    const number = this.attempts.findIndex((attempt) => attempt.stream === stream) + 1;
    if (code === 0) stream.end(framed(encode({ text: `attempt ${number}` })));
    else stream.end();
  }
}

function configured(methodConfig: object, more: object = {}): ClientOptions {
  return {
    'grpc.service_config': JSON.stringify({
      loadBalancingConfig: [],
      methodConfig: [{ name: NAME, ...methodConfig }],
      ...more,
    }),
    'grpc.use_local_subchannel_pool': 1,
  };
}

function hedged(policy: object, more: object = {}): ClientOptions {
  return configured(
    {
      hedgingPolicy: { maxAttempts: 3, hedgingDelay: '0.2s', nonFatalStatusCodes: [14], ...policy },
    },
    more,
  );
}

function retried(policy: object, more: object = {}): ClientOptions {
  const retryPolicy = {
    maxAttempts: 4,
    initialBackoff: '0.02s',
    maxBackoff: '0.1s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
    ...policy,
  };
  return configured({ retryPolicy }, more);
}

function brief({ code, text, details }: CallEnd): unknown {
  return details === undefined ? [code, text] : [code, textOf(details)];
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const see: See = (name, value) => {
    seen.push({ name, value });
  };
  await Promise.all([
    seeHedges(grpc, see),
    seeHedgedStreams(grpc, see),
    seePushback(grpc, see),
    seeThrottling(grpc, see),
    seeRetriedStreams(grpc, see),
  ]);
  return seen;
}

/** Without headers, and without the word for a good end. */
function plain(events: readonly unknown[]): unknown[] {
  return events
    .filter((event) => !(Array.isArray(event) && event[0] === 'metadata'))
    .map((event) =>
      JSON.stringify(event) === '["status",[0,"OK",[]]]' ? ['status', [0, '', []]] : event,
    );
}

async function connected(client: Client): Promise<Client> {
  await new Promise<void>((resolve) => client.waitForReady(Date.now() + 5_000, () => resolve()));
  return client;
}

const SLOW: Step = { hangs: true };
const OK: Step = {};

async function seeHedges(grpc: Grpc, see: See): Promise<void> {
  const { steps, port } = await Steps.listen();
  const run = async (
    name: string,
    given: readonly Step[],
    options: ClientOptions,
    ms = 2_000,
  ): Promise<void> => {
    steps.reset(given);
    const client = await connected(clientOf(grpc, port, options));
    const end = await endOf(client, { text: 'a' }, { deadline: Date.now() + ms });
    see(`hedged: ${name}`, {
      end: brief(end),
      previous: steps.previous,
      codes: await steps.codes(),
    });
    client.close();
  };
  await run('the first answers', [OK], hedged({}));
  await run('the second answers first', [SLOW, OK], hedged({}));
  await run('the third answers first', [SLOW, SLOW, OK], hedged({}));
  await run('none answers', [SLOW], hedged({}), 700);
  await run('no delay given', [SLOW, SLOW, OK], hedged({ hedgingDelay: undefined }));
  await run('a delay of 0', [SLOW, SLOW, OK], hedged({ hedgingDelay: '0s' }));
  await run('a long delay, the first fails', [{ code: 14 }, OK], hedged({ hedgingDelay: '20s' }));
  await run(
    'a long delay, two fail',
    [{ code: 14 }, { code: 14 }, OK],
    hedged({ hedgingDelay: '20s' }),
  );
  await run('all fail', [{ code: 14 }], hedged({ hedgingDelay: '20s' }));
  await run('a fatal code', [{ code: 3 }, OK], hedged({}));
  await run('a fatal code of the second', [SLOW, { code: 3 }, OK], hedged({}));
  await run('a code that is not fatal behind a slow one', [SLOW, { code: 14 }, OK], hedged({}));
  await run('no codes given', [{ code: 14 }, OK], hedged({ nonFatalStatusCodes: undefined }));
  await run('codes by name', [{ code: 14 }, OK], hedged({ nonFatalStatusCodes: ['UNAVAILABLE'] }));
  await run('two attempts', [SLOW, SLOW, OK], hedged({ maxAttempts: 2 }), 700);
  await run('more than five', [SLOW], hedged({ maxAttempts: 9, hedgingDelay: '0.01s' }), 700);
  await run('turned off', [{ code: 14 }, OK], { ...hedged({}), 'grpc.enable_retries': 0 });
  await run('headers decide', [{ header: true, wait: 400 }, OK], hedged({}));
  await run('told to wait', [{ code: 14, pushback: '50' }, OK], hedged({ hedgingDelay: '20s' }));
  await run('told to stop', [{ code: 14, pushback: '-1' }, OK], hedged({}));
  await run('told nonsense', [{ code: 14, pushback: 'x' }, OK], hedged({}));
  await run(
    'told to stop by a slow one',
    [SLOW, { code: 14, pushback: '-1' }, OK],
    hedged({}),
    700,
  );

  steps.reset([SLOW, SLOW, SLOW]);
  const client = clientOf(grpc, port, hedged({ hedgingDelay: '0.15s' }));
  const call = client.makeUnaryRequest(PATHS.unary, encode, decode, { text: 'a' }, () => {});
  await soon(() => steps.attempts.length === 2);
  const [one, two] = steps.attempts;
  see('hedged: the delay', (two?.atMs ?? 0) - (one?.atMs ?? 0) > 120);
  call.cancel();
  see('hedged: cancelled', await steps.codes());
  await pause(250);
  see('hedged: attempts once it is cancelled', steps.attempts.length);
  client.close();
}

async function streamed(client: Client): Promise<unknown[]> {
  const log = new Log();
  log.hearAll(
    client.makeServerStreamRequest<Order, Answer>(
      PATHS.server,
      encode,
      decode,
      {},
      { deadline: Date.now() + 3_000 },
    ),
  );
  return plain(await log.until('status'));
}

async function seeHedgedStreams(grpc: Grpc, see: See): Promise<void> {
  const { steps, port } = await Steps.listen();
  const client = clientOf(grpc, port, hedged({}));
  for (const [name, given] of Object.entries<readonly Step[]>({
    'the second answers first': [SLOW, OK],
    'a message decides': [{ message: true, wait: 300 }, OK],
    'an error behind a message': [{ message: true, code: 14 }, OK],
    'an error behind headers': [{ header: true, code: 14, wait: 20 }, OK],
  })) {
    steps.reset(given);
    const events = await streamed(client);
    see(`hedged stream: ${name}`, { events, previous: steps.previous, codes: await steps.codes() });
  }
  client.close();
}

async function seePushback(grpc: Grpc, see: See): Promise<void> {
  const { steps, port } = await Steps.listen();
  const run = async (name: string, given: readonly Step[], policy = {}): Promise<void> => {
    steps.reset(given);
    const client = clientOf(grpc, port, retried(policy));
    const end = await endOf(client, { text: 'a' }, { deadline: Date.now() + 2_000 });
    see(`pushback: ${name}`, { end: brief(end), previous: steps.previous });
    client.close();
  };
  const tell = (pushback: string): Step => ({ code: 14, pushback });
  await run('0', [tell('0'), OK]);
  await run('-1', [tell('-1'), OK]);
  await run('text', [tell('soon'), OK]);
  await run('1.5', [tell('1.5'), OK]);
  await run('empty', [tell(''), OK]);
  await run('of a code that is not listed', [{ code: 13, pushback: '0' }, OK]);
  await run('a second one', [tell('10'), tell('-1'), OK]);
  await run('past the attempts', [tell('0')], { maxAttempts: 2 });
  await run('past the deadline', [tell('20000'), OK]);
  steps.reset([tell('300'), OK]);
  const client = clientOf(grpc, port, retried({}));
  await endOf(client, { text: 'a' });
  const [one, two] = steps.attempts;
  see('pushback: the delay', (two?.atMs ?? 0) - (one?.atMs ?? 0) > 270);
  client.close();
}

async function seeThrottling(grpc: Grpc, see: See): Promise<void> {
  const run = async (
    name: string,
    throttling: object,
    rounds: readonly (readonly Step[])[],
    policy = {},
  ): Promise<void> => {
    // Of one server, tokens are the same for all.
    const { steps, port } = await Steps.listen();
    const client = clientOf(grpc, port, retried(policy, { retryThrottling: throttling }));
    const counts: unknown[] = [];
    for (const round of rounds) {
      steps.reset(round);
      const { code } = await endOf(client, { text: 'a' }, { deadline: Date.now() + 2_000 });
      counts.push([code, steps.attempts.length]);
    }
    see(`throttled: ${name}`, counts);
    client.close();
  };
  const failing: readonly Step[] = [{ code: 14 }];
  const fine: readonly Step[] = [OK];
  await run('4 tokens', { maxTokens: 4, tokenRatio: 0.1 }, [failing, failing, failing]);
  await run('10 tokens', { maxTokens: 10, tokenRatio: 0.5 }, [failing, failing, failing]);
  await run('earned again', { maxTokens: 4, tokenRatio: 1 }, [failing, fine, fine, fine, failing]);
  await run('earned slowly', { maxTokens: 4, tokenRatio: 0.1 }, [failing, fine, fine, failing]);
  await run('other codes cost nothing', { maxTokens: 4, tokenRatio: 0.1 }, [
    [{ code: 5 }],
    [{ code: 5 }],
    [{ code: 5 }],
    failing,
  ]);
  await run('told to stop', { maxTokens: 10, tokenRatio: 0.1 }, [
    [{ code: 5, pushback: '-1' }],
    [{ code: 5, pushback: '-1' }],
    [{ code: 5, pushback: '-1' }],
    [{ code: 5, pushback: '-1' }],
    [{ code: 5, pushback: '-1' }],
    failing,
  ]);
  const { steps, port } = await Steps.listen();
  const client = clientOf(
    grpc,
    port,
    hedged({ hedgingDelay: '0.05s' }, { retryThrottling: { maxTokens: 4, tokenRatio: 0.1 } }),
  );
  const counts: unknown[] = [];
  for (const round of [failing, [SLOW]]) {
    steps.reset(round);
    const { code } = await endOf(client, { text: 'a' }, { deadline: Date.now() + 400 });
    counts.push([code, steps.attempts.length]);
  }
  see('throttled: hedges', counts);
  client.close();

  const shared = await Steps.listen();
  const options = retried({}, { retryThrottling: { maxTokens: 4, tokenRatio: 0.1 } });
  const used: unknown[] = [];
  for (const one of [clientOf(grpc, shared.port, options), clientOf(grpc, shared.port, options)]) {
    shared.steps.reset(failing);
    await endOf(one, { text: 'a' });
    used.push(shared.steps.attempts.length);
    one.close();
  }
  see('throttled: two clients of one server', used);
}

async function seeRetriedStreams(grpc: Grpc, see: See): Promise<void> {
  const { steps, port } = await Steps.listen();
  const client = clientOf(grpc, port, retried({}));
  for (const [name, given] of Object.entries<readonly Step[]>({
    'the second attempt': [{ code: 14 }, OK],
    'headers decide': [{ header: true, code: 14, wait: 20 }, OK],
    'a message decides': [{ message: true, code: 14 }, OK],
  })) {
    steps.reset(given);
    const events = await streamed(client);
    see(`retried stream: ${name}`, { events, previous: steps.previous });
  }
  const up = async (name: string, messages: readonly Order[]): Promise<void> => {
    steps.reset([{ code: 14, wait: 100 }, { wait: 100 }]);
    const log = new Log();
    const call = client.makeClientStreamRequest<Order, Answer>(
      PATHS.client,
      encode,
      decode,
      log.callback,
    );
    log.hear(call);
    for (const message of messages) call.write(message);
    call.end();
    // Whether messages that were taken count as sent, other programs look at.
    const events = plain(await log.until('status')).filter((event) => typeof event !== 'string');
    see(`retried client stream: ${name}`, [events, steps.previous]);
  };
  await up('messages are sent again', [{ text: 'a' }, { text: 'b' }]);
  await up('more than is kept', [{ text: 'x'.repeat(2_000_000) }]);

  steps.reset([{ code: 14 }]);
  const slow = clientOf(grpc, port, retried({ initialBackoff: '10s', maxBackoff: '10s' }));
  const waiting = new Log();
  const call = slow.makeUnaryRequest(PATHS.unary, encode, decode, {}, waiting.callback);
  waiting.hear(call);
  await soon(() => steps.attempts.length === 1);
  await pause(50);
  call.cancel();
  see('cancelled between attempts', [await waiting.until('status'), steps.attempts.length]);
  const { code } = await endOf(slow, {}, { deadline: Date.now() + 200 });
  see('the deadline between attempts', code);
  const closing = endOf(slow, {});
  await soon(() => steps.attempts.length === 3);
  await pause(50);
  slow.close();
  see('closed between attempts', brief(await closing));
  client.close();
}
