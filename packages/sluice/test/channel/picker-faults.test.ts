// A picker that answers with nonsense fails the call that it was asked for, and nothing else.

import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { registerBalancer } from '#sluice/channel/balancer.js';
import { failureOf, Running } from '../support/running.js';

const X = Buffer.from('x');
const running = new Running();

afterEach(() => running.end());

/** What the picker answers next. */
let answer: unknown;

registerBalancer({
  name: 'nonsense',
  parseConfig: () => undefined,
  create: (context) => ({
    // As a balancer without types may.
    update: () => context.update('READY', { pick: () => answer as { kind: 'queue' } }),
    onResolverError() {},
    exitIdle() {},
    close() {},
  }),
});

for (const [name, nonsense, text] of [
  ['nothing', undefined, 'the picker gave something that is no PickResult'],
  ['another object', { kind: 'pick' }, 'the picker gave something that is no PickResult'],
  ['OK as a failure', { kind: 'fail', code: 0 }, 'the picker gave something that is no PickResult'],
  [
    'a subchannel of its own',
    { kind: 'subchannel', subchannel: { state: 'READY' } },
    'the picker gave a subchannel that createSubchannel did not make',
  ],
] as const) {
  it(`a picker that answers with ${name} is an INTERNAL error of the call`, async () => {
    answer = nonsense;
    const channel = running.channel('ipv4:127.0.0.1:1', {
      serviceConfig: { loadBalancingConfig: [{ nonsense: {} }] },
    });
    const error = await failureOf(channel.unary('/test.Calls/Method', X));
    assert.equal(error.message, `13 INTERNAL: ${text}`);
  });
}
