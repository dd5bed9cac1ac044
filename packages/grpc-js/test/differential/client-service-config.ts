// Service configs: which are refused, and what retries, hedging, timeouts and limits do to calls.

import type { Client, ClientOptions } from '@grpc/grpc-js';
import {
  clientOf,
  encode,
  framed,
  type Grpc,
  type Order,
  startByHand,
  startServer,
} from './client-peer.ts';
import { type Observation, outcomeOf } from './observation.ts';
import { eventsOf } from './one-call.ts';

const NAME = [{ service: 'test.Orders' }];
const RETRY = {
  maxAttempts: 3,
  initialBackoff: '0.02s',
  maxBackoff: '0.1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE'],
};
const HEDGE = { maxAttempts: 3, hedgingDelay: '0.03s', nonFatalStatusCodes: [14] };

const CONFIGS: Record<string, unknown> = {
  'nothing in it': {},
  'no methods': { methodConfig: [] },
  'a list of nothing': { methodConfig: [{}] },
  'a name for all': { methodConfig: [{ name: [{}] }] },
  'a name that is no text': { methodConfig: [{ name: [{ service: 7 }] }] },
  'a method without service': { methodConfig: [{ name: [{ method: 'x' }] }] },
  'the same name twice': { methodConfig: [{ name: NAME }, { name: NAME }] },
  'a timeout as text': { methodConfig: [{ name: NAME, timeout: '1.5s' }] },
  'a timeout as a duration': { methodConfig: [{ name: NAME, timeout: { seconds: 1, nanos: 5 } }] },
  'a timeout that is wrong': { methodConfig: [{ name: NAME, timeout: '1.5' }] },
  'waitForReady as text': { methodConfig: [{ name: NAME, waitForReady: 'yes' }] },
  'a limit as text': { methodConfig: [{ name: NAME, maxRequestBytes: '5' }] },
  retries: { methodConfig: [{ name: NAME, retryPolicy: RETRY }] },
  'one attempt': { methodConfig: [{ name: NAME, retryPolicy: { ...RETRY, maxAttempts: 1 } }] },
  'half an attempt': {
    methodConfig: [{ name: NAME, retryPolicy: { ...RETRY, maxAttempts: 2.5 } }],
  },
  'no backoff': {
    methodConfig: [{ name: NAME, retryPolicy: { ...RETRY, initialBackoff: undefined } }],
  },
  'a backoff without unit': {
    methodConfig: [{ name: NAME, retryPolicy: { ...RETRY, maxBackoff: '1' } }],
  },
  'a multiplier of 0': {
    methodConfig: [{ name: NAME, retryPolicy: { ...RETRY, backoffMultiplier: 0 } }],
  },
  'no codes': {
    methodConfig: [{ name: NAME, retryPolicy: { ...RETRY, retryableStatusCodes: [] } }],
  },
  'an unknown code': {
    methodConfig: [{ name: NAME, retryPolicy: { ...RETRY, retryableStatusCodes: ['X'] } }],
  },
  hedging: { methodConfig: [{ name: NAME, hedgingPolicy: HEDGE }] },
  'retries and hedging': {
    methodConfig: [{ name: NAME, retryPolicy: RETRY, hedgingPolicy: HEDGE }],
  },
  throttling: { retryThrottling: { maxTokens: 10, tokenRatio: 0.1 } },
  'throttling with too many tokens': { retryThrottling: { maxTokens: 5_000, tokenRatio: 0.1 } },
  'throttling with a ratio of 0': { retryThrottling: { maxTokens: 10, tokenRatio: 0 } },
  round_robin: { loadBalancingConfig: [{ round_robin: {} }] },
  'an unknown policy': { loadBalancingConfig: [{ no_such_policy: {} }] },
  'an unknown policy first': { loadBalancingConfig: [{ no_such_policy: {} }, { round_robin: {} }] },
  'two policies in one': { loadBalancingConfig: [{ round_robin: {}, pick_first: {} }] },
  'a policy by its old name': { loadBalancingPolicy: 'round_robin' },
  'a policy that is no text': { loadBalancingPolicy: 7 },
  'no object': [],
  text: 'x',
};

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const port = await startServer();
  for (const [name, config] of Object.entries(CONFIGS)) {
    const outcome = outcomeOf(() => {
      clientOf(grpc, port, { 'grpc.service_config': JSON.stringify(config) }).close();
      return 'taken';
    });
    seen.push({ name: `config: ${name}`, value: outcome });
  }
  for (const [name, config] of Object.entries(CONFIGS)) {
    if (!name.includes('policy') && name !== 'round_robin') continue;
    const taken = outcomeOf(() =>
      clientOf(grpc, port, { 'grpc.service_config': JSON.stringify(config) }),
    );
    const client = (taken as { returned?: Client }).returned;
    if (client === undefined) continue;
    seen.push({
      name: `a call with config: ${name}`,
      value: await eventsOf(client, { text: 'a' }),
    });
    client.close();
  }
  await seeLimits(grpc, port, seen);
  await seeAttempts(grpc, seen);
  return seen;
}

function configured(config: unknown, more: ClientOptions = {}): ClientOptions {
  return {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [], methodConfig: [config] }),
    ...more,
  };
}

async function seeLimits(grpc: Grpc, port: number, seen: Observation[]): Promise<void> {
  const runs: readonly [string, unknown, Order, object][] = [
    ['timeout of the config', { name: NAME, timeout: '0.06s' }, { wait: 500 }, {}],
    [
      'timeout of the call is shorter',
      { name: NAME, timeout: '30s' },
      { wait: 500 },
      { deadline: 60 },
    ],
    [
      'timeout of another service',
      { name: [{ service: 'other' }], timeout: '0.01s' },
      { wait: 60 },
      {},
    ],
    [
      'timeout of a method',
      { name: [{ service: 'test.Orders', method: 'Unary' }], timeout: '0.06s' },
      { wait: 500 },
      {},
    ],
    ['request too long', { name: NAME, maxRequestBytes: 20 }, { text: 'x'.repeat(30) }, {}],
    ['response too long', { name: NAME, maxResponseBytes: 20 }, { size: 100 }, {}],
    [
      'all within limits',
      { name: NAME, maxRequestBytes: 200, maxResponseBytes: 2_000 },
      { text: 'a' },
      {},
    ],
  ];
  for (const [name, config, order, { deadline }] of runs as [
    string,
    unknown,
    Order,
    { deadline?: number },
  ][]) {
    const client = clientOf(grpc, port, configured(config));
    const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
    seen.push({ name: `limits: ${name}`, value: await eventsOf(client, order, options) });
    client.close();
  }
}

/** A server that answers the n-th attempt with the n-th code, and tells how many there were. */
async function seeAttempts(grpc: Grpc, seen: Observation[]): Promise<void> {
  let codes: (number | 'slow' | 'reset')[] = [];
  let attempts = 0;
  let previous: unknown[] = [];
  let pushback: string | undefined;
  const port = await startByHand((stream, headers) => {
    const code = codes[Math.min(attempts, codes.length - 1)] ?? 0;
    attempts += 1;
    previous.push(headers['grpc-previous-rpc-attempts'] ?? 'none');
    const head = { ':status': 200, 'content-type': 'application/grpc' };
    if (code === 'slow') return;
    if (code === 'reset') stream.close(7);
    else if (code === 0) {
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'OK' }),
      );
      stream.end(framed(encode({ text: 'at last' })));
    } else {
      const asked = pushback === undefined ? {} : { 'grpc-retry-pushback-ms': pushback };
      stream.respond({ ...head, 'grpc-status': `${code}`, ...asked }, { endStream: true });
    }
  });
  const run = async (
    name: string,
    answers: (number | 'slow' | 'reset')[],
    options: ClientOptions,
    asked?: string,
  ): Promise<void> => {
    codes = answers;
    attempts = 0;
    previous = [];
    pushback = asked;
    const client = clientOf(grpc, port, options);
    const result = await eventsOf(client, { text: 'a' }, { deadline: Date.now() + 1_500 });
    seen.push({ name: `attempts: ${name}`, value: { attempts, previous, result } });
    client.close();
  };
  const retried = configured({ name: NAME, retryPolicy: RETRY });
  const hedged = configured({ name: NAME, hedgingPolicy: HEDGE });
  await run('no policy', [14, 0], {});
  await run('a retry that succeeds', [14, 0], retried);
  await run('two retries', [14, 14, 0], retried);
  await run('no more than three', [14, 14, 14, 0], retried);
  await run('a code that is not listed', [13, 0], retried);
  await run('another code at the second', [14, 5], retried);
  await run('retries are turned off', [14, 0], { ...retried, 'grpc.enable_retries': 0 });
  await run('attempts are limited', [14, 14, 0], {
    ...retried,
    'grpc-node.retry_max_attempts_limit': 2,
  });
  await run(
    'more than five',
    [14, 14, 14, 14, 14, 14, 0],
    configured({ name: NAME, retryPolicy: { ...RETRY, maxAttempts: 9 } }),
  );
  await run('more than five are allowed', [14, 14, 14, 14, 14, 14, 0], {
    ...configured({ name: NAME, retryPolicy: { ...RETRY, maxAttempts: 9 } }),
    'grpc-node.retry_max_attempts_limit': 10,
  });
  await run('the server asks for a delay', [14, 0], retried, '10');
  await run('the server asks for none', [14, 0], retried, '-1');
  await run(
    'codes by number',
    [14, 0],
    configured({ name: NAME, retryPolicy: { ...RETRY, retryableStatusCodes: [14] } }),
  );
  await run(
    'codes in lower case',
    [14, 0],
    configured({ name: NAME, retryPolicy: { ...RETRY, retryableStatusCodes: ['unavailable'] } }),
  );
  await run('refused by the server', ['reset', 0], {});
  await run('hedged, the first is slow', ['slow', 0], hedged);
  await run('hedged, the first fails', [14, 0], hedged);
  await run('hedged, a fatal code', [5, 0], hedged);
  await run('hedged, all fail', [14, 14, 14, 14], hedged);
  await run('hedged, all are slow', ['slow'], hedged);
  await run(
    'another method',
    [14, 0],
    configured({ name: [{ service: 'test.Orders', method: 'Other' }], retryPolicy: RETRY }),
  );
  await run('for all methods', [14, 0], configured({ name: [{}], retryPolicy: RETRY }));
}
