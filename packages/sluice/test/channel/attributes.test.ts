// What a program tells its own resolvers and balancers by the options of a channel, and what a balancer
// hears of the end of a call.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  balancerFactory,
  type PickTracker,
  registerBalancer,
  registerResolver,
  Status,
  StatusError,
} from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Attributes/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

describe('attributes of a channel', () => {
  it('reach its resolver and its balancer as they are, below outlier_detection too', async () => {
    const attributes = { own: {} };
    const met: unknown[] = [];
    registerResolver({
      scheme: 'attributed',
      authority: () => 'attributed',
      create: (_target, listener, context) => {
        met.push(context.attributes);
        return {
          resolve: () => listener.onResolution({ addresses: [] }),
          close() {},
        };
      },
    });
    registerBalancer({
      name: 'attributed',
      parseConfig: () => undefined,
      create: (context) => {
        met.push(context.attributes);
        const fail = { kind: 'fail', code: Status.ABORTED, details: 'met' } as const;
        return {
          update: () => context.update('TRANSIENT_FAILURE', { pick: () => fail }),
          onResolverError() {},
          exitIdle() {},
          close() {},
        };
      },
    });
    const policy = { attributed: {} };
    for (const one of [policy, { outlier_detection: { childPolicy: [policy] } }]) {
      met.length = 0;
      const channel = running.channel('attributed:x', {
        attributes,
        serviceConfig: { loadBalancingConfig: [one] },
      });
      assert.equal((await failureOf(channel.unary(PATH, X))).details, 'met');
      assert.equal(met.length, 2);
      for (const found of met) assert.equal(found, attributes);
    }
  });
});

describe('the tracker of a pick', () => {
  it('hears the details of the status that its call ended with', async () => {
    const server = running.server();
    server.unary(PATH, () => {
      throw new StatusError(Status.ABORTED, 'the words of the server');
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    const heard: unknown[] = [];
    const tracker: PickTracker = {
      onStart: () => heard.push('start'),
      onEnd: (code, _trailers, details) => heard.push(code, details),
    };
    const pickFirst = balancerFactory('pick_first');
    assert.ok(pickFirst !== undefined);
    registerBalancer({
      ...pickFirst,
      name: 'tracked',
      create: (context) =>
        pickFirst.create({
          target: context.target,
          createSubchannel: (address, onState) => context.createSubchannel(address, onState),
          requestResolution: () => context.requestResolution(),
          startTimer: (ms, callback) => context.startTimer(ms, callback),
          now: () => context.now(),
          random: () => context.random(),
          update: (state, picker) =>
            context.update(state, {
              pick: (call) => {
                const result = picker.pick(call);
                return result.kind === 'subchannel' ? { ...result, tracker } : result;
              },
            }),
        }),
    });
    for (const below of [{ tracked: {} }, outliersOf({ tracked: {} })]) {
      heard.length = 0;
      const channel = running.channel(`ipv4:127.0.0.1:${port}`, {
        serviceConfig: { loadBalancingConfig: [below] },
      });
      await failureOf(channel.unary(PATH, X));
      assert.deepEqual(heard, ['start', Status.ABORTED, 'the words of the server']);
    }
  });
});

function outliersOf(policy: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { outlier_detection: { failurePercentageEjection: {}, childPolicy: [policy] } };
}
