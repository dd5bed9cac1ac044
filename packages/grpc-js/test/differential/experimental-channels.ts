// Resolvers and load balancing policies that programs register, at work in channels: what they are told,
// and what calls see. Not here: those that programs make themselves (experimental-policies.ts,
// experimental-resolvers.ts).

import type * as loadBalancers from '@grpc/grpc-js/build/src/load-balancer';
import type * as resolvers from '@grpc/grpc-js/build/src/resolver';
import type { ServiceConfig } from '@grpc/grpc-js/build/src/service-config';
import type { Endpoint } from '@grpc/grpc-js/build/src/subchannel-address';
import { PolicyStage } from '../support/policy-stage.ts';
import { listening, Seen, unary } from '../support/text-server.ts';
import { errorOf, type Observe } from './observation.ts';

type Grpc = Parameters<Observe>[0];
type Client = InstanceType<Grpc['Client']>;

const PATH = '/test.Experimental/Port';

export const observe: Observe = async (grpc, deep) => {
  const seen = new Seen();
  const ports = [await served(grpc, 'a'), await served(grpc, 'b')];
  const stage = new Stage(grpc, ports);
  await resolution(stage, seen);
  await policies(stage, seen, deep('load-balancer') as typeof loadBalancers);
  await selectors(stage, seen);
  return seen.all;
};

async function served(grpc: Grpc, name: string): Promise<number> {
  const server = new grpc.Server();
  unary(server, PATH, (call, callback) => {
    const trailer = new grpc.Metadata();
    trailer.set('ending', `of ${name}`);
    if (call.request === 'fail') {
      callback({ code: grpc.status.ABORTED, details: `no, says ${name}`, metadata: trailer });
    } else {
      callback(null, `${name}: ${call.request}`, trailer);
    }
  });
  return listening(grpc, server);
}

/** What the listener of a resolver is called with. */
type Result = Parameters<resolvers.ResolverListener>;

/** Channels whose resolver says what the test tells it to. */
class Stage {
  readonly grpc: Grpc;
  readonly ports: readonly number[];
  readonly log: string[] = [];
  /** What the resolver answers whenever it is asked. */
  answer: () => Result | undefined = () => undefined;
  listener: resolvers.ResolverListener | undefined;

  constructor(grpc: Grpc, ports: readonly number[]) {
    this.grpc = grpc;
    this.ports = ports;
    const stage = this;
    class StagedResolver implements resolvers.Resolver {
      private readonly listener: resolvers.ResolverListener;

      constructor(
        target: Parameters<resolvers.ResolverConstructor['getDefaultAuthority']>[0],
        listener: resolvers.ResolverListener,
        options: Readonly<Record<string, unknown>>,
      ) {
        this.listener = listener;
        stage.listener = listener;
        stage.log.push(`made for ${JSON.stringify(target)} with ${String(options['an.option'])}`);
      }

      updateResolution(): void {
        stage.log.push('asked');
        // Some results make a channel ask again at once.
        setTimeout(() => {
          const answer = stage.answer();
          if (answer !== undefined) stage.log.push(`accepted: ${this.listener(...answer)}`);
        }, 1);
      }

      destroy(): void {
        stage.log.push('destroyed');
      }

      static getDefaultAuthority(target: { readonly path: string }): string {
        return `authority-of-${target.path}`;
      }
    }
    grpc.experimental.registerResolver('staged', StagedResolver);
  }

  endpoints(...of: number[]): Endpoint[] {
    return of.map((index) => ({
      addresses: [{ host: '127.0.0.1', port: this.ports[index] ?? 0 }],
    }));
  }

  found(endpoints: Endpoint[], config: Partial<ServiceConfig> | null, attributes = {}): void {
    const { statusOrFromValue } = this.grpc.experimental;
    this.answer = () => [
      statusOrFromValue(endpoints),
      attributes,
      config === null
        ? null
        : statusOrFromValue({ loadBalancingConfig: [], methodConfig: [], ...config }),
      'a note',
    ];
  }

  client(options: Readonly<Record<string, unknown>> = {}): Client {
    const { Client, credentials } = this.grpc;
    return new Client('staged:///name', credentials.createInsecure(), {
      'an.option': 1,
      ...options,
    });
  }

  call(client: Client, message: string, seconds = 5): Promise<unknown> {
    return new Promise((resolve) => {
      const metadata = new this.grpc.Metadata();
      metadata.set('key', 'value');
      metadata.set('key-bin', Buffer.from([1, 2, 3]));
      client.makeUnaryRequest(
        PATH,
        (text: string) => Buffer.from(text),
        (bytes) => bytes.toString(),
        message,
        metadata,
        { deadline: Date.now() + seconds * 1_000 },
        (error, response) => resolve(error === null ? response : errorOf(error)),
      );
    });
  }

  told(): string[] {
    return this.log.splice(0);
  }
}

async function resolution(stage: Stage, seen: Seen): Promise<void> {
  const { statusOrFromError } = stage.grpc.experimental;
  stage.found(stage.endpoints(0), null);
  const client = stage.client();
  seen.see('nothing before the first call', stage.told());
  seen.see('a call', await stage.call(client, 'x'));
  seen.see('what the resolver was told', stage.told());
  seen.see('a second call', await stage.call(client, 'y'));
  seen.see('not asked again', stage.told());
  seen.see('an error keeps addresses', [
    stage.listener?.(statusOrFromError({ code: 14, details: 'lost' }), {}, null, ''),
    await stage.call(client, 'z'),
  ]);
  stage.told();
  client.close();
  seen.see('at the end', stage.told());

  stage.answer = () => [statusOrFromError({ code: 14, details: 'not found' }), {}, null, 'a note'];
  const unresolved = stage.client();
  seen.see('unresolved', await stage.call(unresolved, 'x'));
  seen.see('the error was accepted', stage.told().slice(0, 3));
  unresolved.close();
  stage.told();

  stage.found([], null);
  const empty = stage.client();
  seen.see('no addresses', await stage.call(empty, 'x', 0.3));
  empty.close();
  stage.told();

  stage.found(stage.endpoints(0, 1), { loadBalancingConfig: [{ round_robin: {} }] });
  const round = stage.client();
  const answers = new Set<unknown>();
  for (let i = 0; i < 40; i += 1) answers.add(await stage.call(round, 'x'));
  seen.see('round_robin by the config of the resolver', [...answers].sort());
  round.close();
  stage.told();

  stage.found(stage.endpoints(0, 1), null);
  const config = { loadBalancingConfig: [{ unknown_policy: {} }, { round_robin: {} }] };
  const own = stage.client({ 'grpc.service_config': JSON.stringify(config) });
  answers.clear();
  for (let i = 0; i < 40; i += 1) answers.add(await stage.call(own, 'x'));
  seen.see('round_robin by the config of the channel', [...answers].sort());
  own.close();
  stage.told();

  stage.found(stage.endpoints(0), null);
  const { answer } = stage;
  stage.answer = () => {
    const [endpoints, attributes] = answer() ?? [];
    if (endpoints === undefined || attributes === undefined) return undefined;
    return [endpoints, attributes, statusOrFromError({ code: 14, details: 'a bad config' }), ''];
  };
  const bad = stage.client();
  seen.see('a config that cannot be used', await stage.call(bad, 'x'));
  seen.see('is not accepted', stage.told().at(-1));
  bad.close();
  stage.told();
}

async function policies(stage: Stage, seen: Seen, balancers: typeof loadBalancers): Promise<void> {
  const { grpc } = stage;
  const { experimental } = grpc;
  const log: string[] = [];
  class Config implements loadBalancers.TypedLoadBalancingConfig {
    constructor(readonly text: string) {}

    getLoadBalancerName(): string {
      return 'staged_policy';
    }

    toJsonObject(): object {
      return { staged_policy: { text: this.text } };
    }

    static createFromJson(json: { readonly text?: string }): Config {
      if (json.text === 'bad') throw new Error('bad text');
      return new Config(json.text ?? 'none');
    }
  }
  class Policy implements loadBalancers.LoadBalancer {
    private readonly child: InstanceType<typeof experimental.ChildLoadBalancerHandler>;

    constructor(helper: loadBalancers.ChannelControlHelper) {
      log.push('policy made');
      this.child = new experimental.ChildLoadBalancerHandler(
        experimental.createChildChannelControlHelper(helper, {
          createSubchannel: (address, args) => {
            const subchannel = helper.createSubchannel(address, args);
            log.push(`subchannel ${'port' in address} ${subchannel.getConnectivityState()}`);
            return subchannel;
          },
          updateState: (state, picker, error) => {
            log.push(`state ${state} ${error === null}`);
            helper.updateState(
              state,
              {
                pick: (args) => {
                  const result = picker.pick(args);
                  if (result.pickResultType !== experimental.PickResultType.COMPLETE) return result;
                  const { key, 'key-bin': bin } = args.metadata.getMap();
                  log.push(`picked ${JSON.stringify([key, bin, args.extraPickInfo])}`);
                  return {
                    ...result,
                    onCallStarted: () => log.push('started'),
                    onCallEnded: (code, details, metadata) => {
                      // "OK" is what some servers say.
                      const text = details === 'OK' ? '' : details;
                      log.push(`ended ${code} ${text} ${metadata.get('ending')}`);
                    },
                  };
                },
              },
              error,
            );
          },
        }),
      );
    }

    updateAddressList(
      ...[list, config, options, note]: Parameters<loadBalancers.LoadBalancer['updateAddressList']>
    ): boolean {
      const { text } = config as Config;
      const found = list.ok
        ? list.value.map(({ addresses }) => addresses.length)
        : list.error.details;
      log.push(
        `update ${JSON.stringify([found, text, options['an.option'], options['of.resolver'], note])}`,
      );
      const below =
        text === 'outliers'
          ? {
              outlier_detection: {
                child_policy: [{ round_robin: {} }],
                failure_percentage_ejection: {},
              },
            }
          : text === 'weighted'
            ? { weighted_round_robin: {} }
            : { [text === 'none' ? 'pick_first' : text]: {} };
      return this.child.updateAddressList(
        list,
        experimental.parseLoadBalancingConfig(below as { [key: string]: object }),
        options,
        note,
      );
    }

    exitIdle(): void {
      this.child.exitIdle();
    }

    resetBackoff(): void {
      this.child.resetBackoff();
    }

    destroy(): void {
      log.push('policy destroyed');
      this.child.destroy();
    }

    getTypeName(): string {
      return 'staged_policy';
    }
  }
  experimental.registerLoadBalancerType('staged_policy', Policy, Config);
  seen.see('the policy is known', [
    experimental.isLoadBalancerNameRegistered('staged_policy'),
    balancers.createLoadBalancer(new Config('x'), new PolicyStage(grpc).helper)?.getTypeName(),
  ]);
  log.length = 0;

  const policy = (text?: string): Partial<ServiceConfig> => ({
    loadBalancingConfig: [{ staged_policy: text === undefined ? {} : { text } }],
  });
  stage.found(stage.endpoints(0), policy(), { 'of.resolver': 'told' });
  const client = stage.client();
  const told = (): string[] => log.splice(0).filter((line, at, all) => line !== all[at - 1]);
  seen.see('a call by a policy', await stage.call(client, 'x'));
  seen.see('what the policy was told', told());
  seen.see('a call that fails', await stage.call(client, 'fail'));
  seen.see('what the policy heard', told());
  client.close();
  await new Promise((resolve) => setImmediate(resolve));
  seen.see('the policy at the end', told());
  stage.told();

  for (const below of ['round_robin', 'outliers', 'weighted']) {
    stage.found(stage.endpoints(0, 1), policy(below));
    const round = stage.client();
    const answers = new Set<unknown>();
    for (let i = 0; i < 40; i += 1) answers.add(await stage.call(round, 'x'));
    seen.see(`${below} below a policy`, [...answers].sort());
    round.close();
    stage.told();
    told();
  }

  stage.found(
    [{ addresses: stage.endpoints(0, 1).flatMap(({ addresses }) => addresses) }],
    policy(),
  );
  const several = stage.client();
  seen.see('an endpoint of two addresses', await stage.call(several, 'x'));
  seen.see(
    'is one endpoint',
    told().find((line) => line.startsWith('update')),
  );
  several.close();
  stage.told();

  const { statusOrFromError, statusOrFromValue } = experimental;
  stage.answer = () => [
    statusOrFromError({ code: 8, details: 'not found' }),
    {},
    statusOrFromValue({ methodConfig: [], loadBalancingConfig: [{ staged_policy: {} }] }),
    'a note',
  ];
  told();
  const unresolved = stage.client();
  seen.see('a policy without addresses', await stage.call(unresolved, 'x'));
  seen.see(
    'hears of it',
    told().filter((line) => line.startsWith('update')),
  );
  unresolved.close();
  stage.told();

  stage.found(stage.endpoints(0), { loadBalancingConfig: [{ staged_policy: { text: 'bad' } }] });
  const bad = stage.client();
  seen.see('a config that the policy refuses', await stage.call(bad, 'x'));
  bad.close();
  stage.told();

  stage.found(stage.endpoints(0), null);
  const own = stage.client({
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ staged_policy: {} }] }),
  });
  told();
  seen.see('a policy by the config of the channel', await stage.call(own, 'x'));
  seen.see(
    'was asked',
    told().some((line) => line.startsWith('picked')),
  );
  own.close();
  stage.told();
}

async function selectors(stage: Stage, seen: Seen): Promise<void> {
  const { grpc } = stage;
  const log: string[] = [];
  let status: number = grpc.status.OK;
  const selector: resolvers.ConfigSelector = {
    invoke(method, metadata, channelId) {
      log.push(`invoked ${method} ${metadata.get('key')} ${Number.isInteger(channelId)}`);
      return {
        methodConfig: { name: [] },
        onCommitted: () => log.push('committed'),
        pickInformation: { of: 'the selector' },
        status,
        dynamicFilterFactories: [],
      };
    },
    unref() {
      log.push('unref');
    },
  };
  const attributes = { [grpc.experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY]: selector };
  stage.found(stage.endpoints(0), null, attributes);
  const client = stage.client();
  seen.see('a call by a selector', await stage.call(client, 'x'));
  seen.see('what the selector was told', log.splice(0));
  status = grpc.status.PERMISSION_DENIED;
  seen.see('a call that the selector refuses', await stage.call(client, 'x'));
  seen.see('what it was told then', log.splice(0));
  client.close();
  seen.see('the selector at the end', log.splice(0));
  stage.told();

  status = grpc.status.OK;
  stage.found(stage.endpoints(0), { loadBalancingConfig: [{ staged_policy: {} }] }, attributes);
  const both = stage.client();
  seen.see('a call by a selector and a policy', await stage.call(both, 'x'));
  seen.see('both were asked', log.splice(0));
  both.close();
}
