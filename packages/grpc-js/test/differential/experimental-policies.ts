// pick_first, round_robin, leaves and child handlers over subchannels whose states are set: what they
// tell their channel, and where calls go.
// Not here: their configs (experimental-configs.ts), connections (experimental-channels.ts).

import type * as loadBalancers from '@grpc/grpc-js/build/src/load-balancer';
import type { Endpoint } from '@grpc/grpc-js/build/src/subchannel-address';
import { PolicyStage, settled } from '../support/policy-stage.ts';
import type { Observation, Observe } from './observation.ts';
import { outcomeOf } from './observation.ts';

type Grpc = Parameters<Observe>[0];
type Policy = loadBalancers.LoadBalancer;
type Step = readonly [name: string, act: () => unknown];

const IDLE = 0;
const CONNECTING = 1;
const READY = 2;
const TRANSIENT_FAILURE = 3;

const endpoints = (...ports: number[]): Endpoint[] =>
  ports.map((port) => ({ addresses: [{ host: '127.0.0.1', port }] }));

/** A policy on its stage, step by step. */
class Play {
  readonly seen: Observation[] = [];
  readonly stage: PolicyStage;
  readonly policy: Policy;
  private readonly name: string;
  private readonly grpc: Grpc;
  private readonly config: loadBalancers.TypedLoadBalancingConfig;

  constructor(grpc: Grpc, deepBalancers: typeof loadBalancers, name: string, config: object) {
    const [type = ''] = Object.keys(config);
    this.grpc = grpc;
    this.name = name;
    this.stage = new PolicyStage(grpc);
    this.config = grpc.experimental.parseLoadBalancingConfig(config as { [key: string]: object });
    const policy = deepBalancers.createLoadBalancer(this.config, this.stage.helper);
    if (policy === null) throw new Error(`no policy ${type}`);
    this.policy = policy;
  }

  update(list: Endpoint[], note = 'a note'): unknown {
    const value = this.grpc.experimental.statusOrFromValue(list);
    return this.policy.updateAddressList(value, this.config, {}, note);
  }

  unresolved(details: string): unknown {
    const error = this.grpc.experimental.statusOrFromError<Endpoint[]>({ code: 14, details });
    return this.policy.updateAddressList(error, this.config, {}, 'a note');
  }

  async run(...steps: Step[]): Promise<Observation[]> {
    for (const [step, act] of steps) {
      const returned = outcomeOf(act);
      await settled();
      const told = distinct(this.stage.told());
      // In which order all are given up is left to chance.
      if (step === 'destroy') told.sort();
      const value = { returned, told, pick: this.stage.pick() };
      this.seen.push({ name: `${this.name}: ${step}`, value });
      await settled();
      this.stage.told();
    }
    return this.seen;
  }
}

// How often the same is said makes no difference to a channel.
function distinct(told: readonly string[]): string[] {
  return told.filter((line, at) => line !== told[at - 1]);
}

export const observe: Observe = async (grpc, deep) => {
  const balancers = deep('load-balancer') as typeof loadBalancers;
  const play = (name: string, config: object): Play => new Play(grpc, balancers, name, config);
  return [
    ...(await pickFirst(play('pick_first', { pick_first: {} }))),
    ...(await pickFirstUnresolved(play('pick_first unresolved', { pick_first: {} }))),
    ...(await pickFirstReady(play('pick_first ready', { pick_first: {} }))),
    ...(await roundRobin(play('round_robin', { round_robin: {} }))),
    ...(await roundRobinUnresolved(play('round_robin unresolved', { round_robin: {} }))),
    ...(await leaf(grpc)),
    ...(await child(grpc)),
    ...pickers(grpc),
    ...others(grpc, balancers),
  ];
};

function pickFirst(play: Play): Promise<Observation[]> {
  const { stage, policy } = play;
  return play.run(
    ['type', () => policy.getTypeName()],
    ['exitIdle without addresses', () => policy.exitIdle()],
    ['two addresses', () => play.update(endpoints(1, 2))],
    ['the first fails', () => stage.at(1).move(TRANSIENT_FAILURE, 'why 1')],
    ['the second fails', () => stage.at(2).move(TRANSIENT_FAILURE, 'why 2')],
    ['the backoff of the first is over', () => stage.at(1).move(IDLE)],
    ['the second is ready', () => stage.at(2).move(READY)],
    ['unhealthy', () => stage.at(2).setHealthy(false)],
    ['healthy', () => stage.at(2).setHealthy(true)],
    ['an error of the resolver', () => play.unresolved('not found')],
    ['the same addresses', () => play.update(endpoints(1, 2))],
    ['it is lost', () => stage.at(2).move(IDLE)],
    ['exitIdle', () => policy.exitIdle()],
    ['connected', () => stage.at(1).move(READY)],
    ['other addresses', () => play.update(endpoints(3))],
    ['connecting', () => stage.at(3).move(CONNECTING)],
    ['no addresses', () => play.update([])],
    ['addresses again', () => play.update(endpoints(4))],
    ['an error while connecting', () => play.unresolved('not found')],
    ['resetBackoff', () => policy.resetBackoff()],
    ['destroy', () => policy.destroy()],
    ['references', () => [...stage.subchannels.values()].map(({ references }) => references)],
  );
}

function pickFirstUnresolved(play: Play): Promise<Observation[]> {
  return play.run(
    ['an error first', () => play.unresolved('not found')],
    ['addresses', () => play.update(endpoints(1))],
    ['no addresses', () => play.update([], '')],
    ['an error', () => play.unresolved('not found')],
    [
      'a config of another',
      () =>
        play.policy.updateAddressList(
          { ok: true, value: [] },
          { getLoadBalancerName: () => 'x', toJsonObject: () => ({}) },
          {},
          '',
        ),
    ],
    ['destroy', () => play.policy.destroy()],
  );
}

function pickFirstReady(play: Play): Promise<Observation[]> {
  const { stage } = play;
  return play.run(
    [
      'one is ready before',
      () => {
        stage.at(2).state = READY;
        return play.update(endpoints(1, 2));
      },
    ],
    ['it fails', () => stage.at(2).move(TRANSIENT_FAILURE, 'why')],
    ['exitIdle', () => play.policy.exitIdle()],
    [
      'families',
      () =>
        play.update([
          {
            addresses: [
              { host: '::1', port: 1 },
              { host: '::1', port: 2 },
            ],
          },
          { addresses: [{ host: '127.0.0.1', port: 7 }, { path: '/a' }] },
        ]),
    ],
    ['the order', () => [...stage.subchannels.keys()]],
    ['destroy', () => play.policy.destroy()],
  );
}

function roundRobin(play: Play): Promise<Observation[]> {
  const { stage, policy } = play;
  const picks = (): string[] => [stage.pick(), stage.pick(), stage.pick(), stage.pick()].sort();
  return play.run(
    ['type', () => policy.getTypeName()],
    ['exitIdle without addresses', () => policy.exitIdle()],
    ['one address', () => play.update(endpoints(1))],
    ['it fails', () => stage.at(1).move(TRANSIENT_FAILURE, 'why 1')],
    ['its backoff is over', () => stage.at(1).move(IDLE)],
    ['it is ready', () => stage.at(1).move(READY)],
    ['a second', () => play.update(endpoints(1, 2))],
    ['the second is ready', () => stage.at(2).move(READY)],
    ['picks', picks],
    ['the first is lost', () => stage.at(1).move(IDLE)],
    ['picks of one', picks],
    ['the first fails', () => stage.at(1).move(TRANSIENT_FAILURE, 'why 1')],
    ['the first is unhealthy', () => stage.at(1).setHealthy(false)],
    ['the first is back', () => stage.at(1).move(READY)],
    ['the first is healthy', () => stage.at(1).setHealthy(true)],
    ['an error of the resolver', () => play.unresolved('not found')],
    ['the second is lost', () => stage.at(2).move(IDLE)],
    ['the second fails', () => stage.at(2).move(TRANSIENT_FAILURE, 'why 2')],
    ['the first is lost as well', () => stage.at(1).move(IDLE)],
    ['both have failed', () => stage.at(1).move(TRANSIENT_FAILURE, 'why 1')],
    ['destroy', () => policy.destroy()],
    ['references', () => [...stage.subchannels.values()].map(({ references }) => references)],
  );
}

function roundRobinUnresolved(play: Play): Promise<Observation[]> {
  return play.run(
    ['an error first', () => play.unresolved('not found')],
    ['addresses', () => play.update(endpoints(1))],
    ['exitIdle', () => play.policy.exitIdle()],
    ['resetBackoff', () => play.policy.resetBackoff()],
    ['no addresses', () => play.update([])],
  );
}

async function leaf(grpc: Grpc): Promise<Observation[]> {
  const stage = new PolicyStage(grpc);
  const [endpoint = { addresses: [] }, other = { addresses: [] }] = endpoints(1, 2);
  const leafBalancer = new grpc.experimental.LeafLoadBalancer(endpoint, stage.helper, {}, 'a note');
  const seen: Observation[] = [];
  const step = async (name: string, act: () => unknown): Promise<void> => {
    const returned = outcomeOf(act);
    await settled();
    const picked = leafBalancer
      .getPicker()
      .pick({ metadata: new grpc.Metadata(), extraPickInfo: {} });
    const state = leafBalancer.getConnectivityState();
    const { addresses } = leafBalancer.getEndpoint();
    const value = {
      returned,
      told: distinct(stage.told()),
      state,
      addresses,
      pick: picked.pickResultType,
    };
    seen.push({ name: `leaf: ${name}`, value });
    await settled();
    stage.told();
  };
  await step('new', () => null);
  await step('another endpoint while idle', () => leafBalancer.updateEndpoint(other, {}));
  await step('back', () => leafBalancer.updateEndpoint(endpoint, {}));
  await step('connecting', () => leafBalancer.startConnecting());
  await step('ready', () => stage.at(1).move(READY));
  await step('unhealthy', () => stage.at(1).setHealthy(false));
  await step('healthy', () => stage.at(1).setHealthy(true));
  await step('another endpoint', () => leafBalancer.updateEndpoint(other, {}));
  await step('that is ready', () => stage.at(2).move(READY));
  await step('lost', () => stage.at(2).move(IDLE));
  await step('exitIdle', () => leafBalancer.exitIdle());
  await step('destroy', () => leafBalancer.destroy());
  return seen;
}

async function child(grpc: Grpc): Promise<Observation[]> {
  const { ChildLoadBalancerHandler, parseLoadBalancingConfig, statusOrFromValue } =
    grpc.experimental;
  const stage = new PolicyStage(grpc);
  const handler = new ChildLoadBalancerHandler(stage.helper);
  const seen: Observation[] = [];
  const step = async (name: string, act: () => unknown): Promise<void> => {
    const returned = outcomeOf(act);
    await settled();
    const value = { returned, told: distinct(stage.told()), pick: stage.pick() };
    seen.push({ name: `child: ${name}`, value });
    await settled();
    stage.told();
  };
  const update = (config: object, ...ports: number[]): unknown =>
    handler.updateAddressList(
      statusOrFromValue(endpoints(...ports)),
      parseLoadBalancingConfig(config as { [key: string]: object }),
      {},
      '',
    );
  await step('type', () => handler.getTypeName());
  await step('exitIdle', () => handler.exitIdle());
  await step('pick_first', () => update({ pick_first: {} }, 1));
  await step('ready', () => stage.at(1).move(READY));
  await step('round_robin', () => update({ round_robin: {} }, 2));
  await step('the old one is lost', () => stage.at(1).move(IDLE));
  await step('the new one is ready', () => stage.at(2).move(READY));
  await step('pick_first again', () => update({ pick_first: {} }, 3));
  await step('that fails', () => stage.at(3).move(TRANSIENT_FAILURE, 'why'));
  await step('resetBackoff', () => handler.resetBackoff());
  await step('destroy', () => handler.destroy());
  await step('afterwards', () => stage.at(3).move(READY));
  return seen;
}

function pickers(grpc: Grpc): Observation[] {
  const { experimental, Metadata } = grpc;
  const args = { metadata: new Metadata(), extraPickInfo: {} };
  let exits = 0;
  const policy = { exitIdle: () => (exits += 1) } as unknown as Policy;
  const queue = new experimental.QueuePicker(policy);
  const below = new experimental.QueuePicker(policy, new experimental.UnavailablePicker());
  return [
    { name: 'unavailable', value: new experimental.UnavailablePicker().pick(args) },
    {
      name: 'unavailable with details',
      value: new experimental.UnavailablePicker({ details: 'why' }).pick(args),
    },
    {
      name: 'unavailable with all',
      value: new experimental.UnavailablePicker({
        code: grpc.status.ABORTED,
        details: 'why',
        metadata: new Metadata(),
      }).pick(args),
    },
    { name: 'queue', value: [queue.pick(args), queue.pick(args), exits] },
    { name: 'queue with a picker', value: below.pick(args) },
    { name: 'types', value: experimental.PickResultType },
  ];
}

function others(grpc: Grpc, balancers: typeof loadBalancers): Observation[] {
  const stage = new PolicyStage(grpc);
  const unknown = { getLoadBalancerName: () => 'nothing', toJsonObject: () => ({}) };
  const told: unknown[] = [];
  const helper = grpc.experimental.createChildChannelControlHelper(stage.helper, {
    updateState: (...args) => told.push(args[0], args[2]),
  });
  helper.updateState(1, new grpc.experimental.UnavailablePicker(), 'x');
  helper.requestReresolution();
  return [
    { name: 'no such policy', value: balancers.createLoadBalancer(unknown, stage.helper) },
    { name: 'helper', value: [Object.keys(helper).sort(), told, stage.told()] },
    ...['outlier_detection', 'weighted_round_robin'].map((name) => ({
      name: `made ${name}`,
      value: outcomeOf(() => {
        const config = grpc.experimental.parseLoadBalancingConfig({
          [name]: { child_policy: [{ round_robin: {} }] },
        });
        const policy = balancers.createLoadBalancer(config, stage.helper);
        policy?.destroy();
        return policy?.getTypeName();
      }),
    })),
  ];
}
