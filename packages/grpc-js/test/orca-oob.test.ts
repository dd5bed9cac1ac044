// Reports of one backend's load all the time: one stream for all who listen, open while the backend is
// connected, and none to a backend that does not have the service.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type ChannelInterface as Channel,
  Client,
  connectivityState,
  credentials,
  logVerbosity,
  Server,
  ServerCredentials,
  ServerMetricRecorder,
  setLogger,
  setLogVerbosity,
} from '@sluice/grpc-js';
import { OrcaOobMetricsSubchannelWrapper } from '@sluice/grpc-js/build/src/orca';
import type { DataProducer, Subchannel } from '@sluice/grpc-js/build/src/subchannel';
import type {
  ConnectivityStateListener,
  SubchannelInterface,
} from '@sluice/grpc-js/build/src/subchannel-interface';

/** What the reports need of a subchannel. */
class Backend {
  readonly listeners: Set<ConnectivityStateListener> = new Set();
  readonly producers: Map<string, DataProducer> = new Map();
  state: connectivityState = connectivityState.READY;
  private readonly channel: Channel;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  getChannel(): Channel {
    return this.channel;
  }

  getConnectivityState(): connectivityState {
    return this.state;
  }

  addConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.listeners.add(listener);
  }

  removeConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.listeners.delete(listener);
  }

  getOrCreateDataProducer(
    name: string,
    make: (subchannel: Subchannel) => DataProducer,
  ): DataProducer {
    const known = this.producers.get(name) ?? make(this as unknown as Subchannel);
    this.producers.set(name, known);
    return known;
  }

  removeDataProducer(name: string): void {
    this.producers.delete(name);
  }

  getRealSubchannel(): this {
    return this;
  }

  getAddress(): string {
    return 'backend';
  }

  addHealthStateWatcher(): void {}

  ref(): void {}

  unref(): void {}

  become(state: connectivityState): void {
    const previous = this.state;
    this.state = state;
    const self = this as unknown as SubchannelInterface;
    for (const listener of this.listeners) listener(self, previous, state, 0);
  }
}

function wrapped(
  backend: Backend,
  intervalMs: number,
  listener: (cpu: number) => void,
): OrcaOobMetricsSubchannelWrapper {
  const wrapper = new OrcaOobMetricsSubchannelWrapper(
    backend as unknown as SubchannelInterface,
    (report) => listener(report.cpu_utilization),
    intervalMs,
  );
  wrapper.ref();
  return wrapper;
}

async function listening(server: Server): Promise<Client> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure());
}

describe('reports of a backend', () => {
  const server = new Server();
  const recorder = new ServerMetricRecorder();
  let streams = 0;
  let ended = 0;
  let client: Client | undefined;

  before(async () => {
    const { addService } = server;
    server.addService = (service, implementation) => {
      const handle = implementation.StreamCoreMetrics;
      addService.call(server, service, {
        StreamCoreMetrics: (call: NodeJS.EventEmitter): void => {
          streams += 1;
          call.on('cancelled', () => {
            ended += 1;
          });
          Reflect.apply(handle as () => void, undefined, [call]);
        },
      });
    };
    recorder.addToServer(server);
    recorder.setCpuUtilizationMetric(0.5);
    client = await listening(server);
  });

  after(() => {
    client?.close();
    server.forceShutdown();
  });

  function backendOf(): Backend {
    assert.ok(client !== undefined);
    return new Backend(client.getChannel());
  }

  it('come to all who listen, by one stream', async () => {
    const backend = backendOf();
    const before = streams;
    const wrappers: OrcaOobMetricsSubchannelWrapper[] = [];
    const heard = [0, 1].map(
      () =>
        new Promise<number>((resolve) => {
          wrappers.push(wrapped(backend, 10, resolve));
        }),
    );
    assert.deepEqual(await Promise.all(heard), [0.5, 0.5]);
    assert.equal(streams, before + 1);
    assert.equal(wrappers[0]?.getWrappedSubchannel(), backend);
    for (const wrapper of wrappers) wrapper.unref();
    assert.deepEqual([backend.producers.size, backend.listeners.size], [0, 0]);
    await until(() => ended === streams);
  });

  it('come when the backend is connected, and again when it is connected again', async () => {
    const backend = backendOf();
    const before = streams;
    backend.state = connectivityState.CONNECTING;
    let reports = 0;
    const wrapper = wrapped(backend, 10, () => {
      reports += 1;
    });
    assert.equal(streams, before);
    backend.become(connectivityState.READY);
    await until(() => reports > 0);
    backend.become(connectivityState.IDLE);
    await until(() => ended === streams);
    const soFar = reports;
    backend.become(connectivityState.READY);
    await until(() => reports > soFar);
    wrapper.unref();
    await until(() => ended === streams);
  });

  it('are asked for anew when somebody wants them more often', async () => {
    const backend = backendOf();
    const before = streams;
    const slow = wrapped(backend, 3_600_000, () => {});
    let reports = 0;
    const quick = wrapped(backend, 10, () => {
      reports += 1;
    });
    await until(() => reports > 0);
    assert.ok(streams > before);
    quick.unref();
    slow.unref();
    await until(() => ended === streams);
  });
});

describe('a backend without the service', () => {
  it('is asked once', async () => {
    const server = new Server();
    const client = await listening(server);
    const lines: string[] = [];
    setLogger({ error: (...line: unknown[]) => lines.push(line.join(' ')) });
    setLogVerbosity(logVerbosity.ERROR);
    const backend = new Backend(client.getChannel());
    const wrapper = wrapped(backend, 10, () => {});
    const isTold = (): boolean => lines.some((line) => line.includes('OpenRcaService'));
    await until(isTold);
    lines.length = 0;
    backend.become(connectivityState.READY);
    wrapped(backend, 5, () => {}).unref();
    // Their answers come behind those of whatever was asked before.
    await unimplemented(client);
    await unimplemented(client);
    wrapper.unref();
    assert.equal(isTold(), false);
    setLogger(console);
    client.close();
    server.forceShutdown();
  });
});

function unimplemented(client: Client): Promise<void> {
  const bytes = (value: Buffer): Buffer => value;
  return new Promise((resolve) => {
    client.makeUnaryRequest('/not.There/Method', bytes, bytes, Buffer.alloc(0), () => resolve());
  });
}

/** Turns of the event loop until something holds; the test's own time limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
