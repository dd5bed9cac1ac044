// What programs extend channels with, beyond what can be seen of the original as well: leftovers, and
// what works for channels that Sluice itself makes.
// Not here: behaviour that the original has too (differential/experimental-*.ts).

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as grpc from '@sluice/grpc-js';
import { connect, createServer, type Server } from 'sluice';

const PATH = '/test.Experimental/Echo';
const X = Buffer.from('x');

const { experimental } = grpc;
type Experimental = typeof experimental;
type LoadBalancer = InstanceType<Experimental['ChildLoadBalancerHandler']>;

let server: Server;
let port = 0;

before(async () => {
  server = createServer().unary(PATH, (request) => request);
  ({ port } = await server.listen({ host: '127.0.0.1' }));
});

after(() => server.close());

const made: string[] = [];

/** What the resolver finds. */
let hosts: string[] = ['127.0.0.1'];
/** The resolver has told its channel. */
let answered: () => void = () => {};

class EchoResolver implements grpc.experimental.Resolver {
  private readonly listener: grpc.experimental.ResolverListener;

  constructor(
    target: grpc.experimental.GrpcUri,
    listener: grpc.experimental.ResolverListener,
    options: grpc.ChannelOptions,
  ) {
    made.push(`${target.scheme} ${target.path} ${JSON.stringify(options)}`);
    this.listener = listener;
  }

  updateResolution(): void {
    const endpoints = hosts.map((host) => ({ addresses: [{ host, port }] }));
    setImmediate(() => {
      this.listener(experimental.statusOrFromValue(endpoints), {}, null, '');
      answered();
    });
  }

  destroy(): void {}

  static getDefaultAuthority(target: grpc.experimental.GrpcUri): string {
    return target.path;
  }
}

class EchoConfig implements grpc.experimental.TypedLoadBalancingConfig {
  getLoadBalancerName(): string {
    return 'echo_policy';
  }

  toJsonObject(): object {
    return { echo_policy: {} };
  }

  static createFromJson(): EchoConfig {
    return new EchoConfig();
  }
}

let policies = 0;

class EchoPolicy implements grpc.experimental.LoadBalancer {
  private readonly child: LoadBalancer;

  constructor(helper: grpc.experimental.ChannelControlHelper) {
    policies += 1;
    EchoPolicy.helpers.push(helper);
    this.child = new experimental.ChildLoadBalancerHandler(
      experimental.createChildChannelControlHelper(helper, {
        createSubchannel(address, args) {
          const subchannel = helper.createSubchannel(address, args);
          EchoPolicy.subchannels.push(subchannel);
          return subchannel;
        },
      }),
    );
  }

  static readonly helpers: grpc.experimental.ChannelControlHelper[] = [];
  /** The subchannels that the policy below asks for. */
  static readonly subchannels: grpc.experimental.SubchannelInterface[] = [];

  updateAddressList(
    ...[list, , options, note]: Parameters<grpc.experimental.LoadBalancer['updateAddressList']>
  ): boolean {
    const config = experimental.parseLoadBalancingConfig({ round_robin: {} });
    return this.child.updateAddressList(list, config, options, note);
  }

  exitIdle(): void {
    this.child.exitIdle();
  }

  resetBackoff(): void {
    this.child.resetBackoff();
  }

  destroy(): void {
    policies -= 1;
    this.child.destroy();
  }

  getTypeName(): string {
    return 'echo_policy';
  }
}

experimental.registerResolver('echo', EchoResolver);
experimental.registerLoadBalancerType('echo_policy', EchoPolicy, EchoConfig);

describe('a resolver and a policy of this package', () => {
  it('serve a channel that Sluice itself made', async () => {
    const channel = connect('echo:name', {
      serviceConfig: { loadBalancingConfig: [{ echo_policy: {} }] },
    });
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    assert.deepEqual(made.splice(0), ['echo name {}']);
    assert.equal(policies, 1);
    await channel.close();
    assert.equal(policies, 0);
  });

  it('keep the connection to an address that stays, and give up one that goes', async () => {
    const channel = connect('echo:name', {
      serviceConfig: { loadBalancingConfig: [outliersOf({ echo_policy: {} })] },
    });
    await channel.unary(PATH, X);
    const before = channel.stats().connections.map(({ id }) => id);
    await resolveAgain('127.0.0.1', 'localhost');
    await channel.unary(PATH, X);
    const both = channel.stats();
    assert.deepEqual((both.backends ?? []).map(({ address }) => address).sort(), [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
    ]);
    assert.ok(both.connections.some(({ id }) => id === before[0]));
    await resolveAgain('localhost');
    await channel.unary(PATH, X);
    const { backends = [] } = channel.stats();
    assert.deepEqual(
      backends.map(({ address }) => address),
      [`localhost:${port}`],
    );
    await channel.close();
    hosts = ['127.0.0.1'];
  });
});

function outliersOf(policy: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { outlier_detection: { childPolicy: [policy] } };
}

/** Lets the newest policy ask for addresses, which are these. */
function resolveAgain(...found: string[]): Promise<void> {
  hosts = found;
  return new Promise((resolve) => {
    answered = resolve;
    EchoPolicy.helpers.at(-1)?.requestReresolution();
  });
}

describe('a subchannel', () => {
  const config = JSON.stringify({ loadBalancingConfig: [{ echo_policy: {} }] });

  function echo(client: grpc.Client): Promise<unknown> {
    return new Promise((resolve) => {
      const same = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(PATH, same, same, X, (error, reply) => resolve(error ?? `${reply}`));
    });
  }

  it('has a channel of its own, on the connection of the channel that it is of', async () => {
    EchoPolicy.subchannels.length = 0;
    const credentials = grpc.credentials.createInsecure();
    const client = new grpc.Client('echo:name', credentials, { 'grpc.service_config': config });
    assert.equal(await echo(client), 'x');
    const [subchannel] = EchoPolicy.subchannels;
    assert.ok(subchannel !== undefined);
    const connections = server.stats().connections.length;
    const channelOverride = subchannel.getChannel();
    const own = new grpc.Client('unused', credentials, { channelOverride });
    assert.equal(await echo(own), 'x');
    assert.equal(server.stats().connections.length, connections);
    assert.equal(subchannel.getAddress(), `127.0.0.1:${port}`);
    assert.ok(subchannel.realSubchannelEquals(subchannel.getRealSubchannel()));
    client.close();
  });
});

describe('a wrapper of a subchannel', () => {
  it('gives its watchers the subchannel at the bottom, and ends them with its last reference', () => {
    const log: unknown[] = [];
    const bottom = {
      addHealthStateWatcher() {},
      ref: () => log.push('ref'),
      unref: () => log.push('unref'),
      getRealSubchannel: () => 'the bottom',
    };
    class Wrapper extends experimental.BaseSubchannelWrapper {}
    // As much of one as a wrapper uses here.
    const wrapper = new Wrapper(bottom as unknown as grpc.experimental.SubchannelInterface);
    wrapper.ref();
    wrapper.addDataWatcher({
      setSubchannel: (subchannel) => log.push(subchannel),
      destroy: () => log.push('destroyed'),
    });
    wrapper.unref();
    assert.deepEqual(log, ['ref', 'the bottom', 'unref', 'destroyed']);
  });
});
