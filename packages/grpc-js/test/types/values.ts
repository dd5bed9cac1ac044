// A program written for @grpc/grpc-js: metadata, statuses, enums, logging, service configs, and a channel of
// one's own. It is compiled, never run.

import {
  addAdminServicesToServer,
  Channel,
  type ChannelInterface,
  Client,
  compressionAlgorithms,
  connectivityState,
  credentials,
  getChannelzHandlers,
  getChannelzServiceDefinition,
  type LoadBalancingConfig,
  load,
  loadObject,
  logVerbosity,
  Metadata,
  type MetadataOptions,
  type MetadataValue,
  type MethodConfig,
  propagate,
  type RetryPolicy,
  Server,
  type ServiceConfig,
  StatusBuilder,
  type StatusObject,
  setLogger,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js';

export function metadata(): readonly MetadataValue[] {
  const options: MetadataOptions = { waitForReady: true, idempotentRequest: false, corked: true };
  const all = new Metadata(options);
  all.set('key', 'value');
  all.add('key-bin', Buffer.from('bytes'));
  all.merge(all.clone());
  all.remove('key');
  all.setOptions({ ...all.getOptions(), cacheableRequest: true });
  const map: { [key: string]: MetadataValue } = all.getMap();
  const json: { [key: string]: MetadataValue[] } = all.toJSON();
  all.setOpaque('mine', { any: 'thing' });
  const opaque: unknown = all.getOpaque('mine');
  const back: Metadata = Metadata.fromHttp2Headers({ ...all.toHttp2Headers(), 'x-a': 'b' } as {
    [key: string]: string | string[] | undefined;
  });
  return [...back.get('key'), ...Object.values(map), ...(json.key ?? []), String(opaque)];
}

/** A subclass that reaches for what is protected. */
export class Counted extends Metadata {
  get size(): number {
    return this.internalRepr.size;
  }
}

export function statuses(): readonly StatusObject[] {
  const partial: Partial<StatusObject> = new StatusBuilder()
    .withCode(status.DATA_LOSS)
    .withDetails('gone')
    .withMetadata(new Metadata())
    .build();
  const whole: StatusObject = {
    code: status.OK,
    details: '',
    metadata: new Metadata(),
    ...partial,
  };
  const code: status = status.UNAVAILABLE;
  const name: string = status[code];
  const key: keyof typeof status = 'CANCELLED';
  return [whole, { ...whole, code: status[key], details: name }];
}

export function levels(): readonly number[] {
  const zip: compressionAlgorithms = compressionAlgorithms.gzip;
  const state: connectivityState = connectivityState.TRANSIENT_FAILURE;
  const level: logVerbosity = logVerbosity.NONE;
  const flags: propagate = propagate.DEADLINE | propagate.CANCELLATION;
  setLogVerbosity(level);
  setLogger({ error: () => {}, info: console.info });
  setLogger(console);
  return [zip, state, level, flags];
}

export function never(): never {
  if (Math.random() > 0.5) return load('file', 'proto', {});
  return loadObject({}, {});
}

const retryPolicy: RetryPolicy = {
  maxAttempts: 3,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: [status.UNAVAILABLE, 'INTERNAL'],
};
const method: MethodConfig = {
  name: [{ service: 'a.B', method: 'C' }, {}],
  timeout: { seconds: 1, nanos: 0 },
  waitForReady: true,
  retryPolicy,
};
const balancing: LoadBalancingConfig = { round_robin: {} };
export const serviceConfig: ServiceConfig = {
  loadBalancingConfig: [balancing],
  methodConfig: [method, { name: [], hedgingPolicy: { maxAttempts: 2, hedgingDelay: '0.1s' } }],
  retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
};

/** A channel of one's own, as tests and proxies have it. */
export class OwnChannel implements ChannelInterface {
  private readonly inner: ChannelInterface;

  constructor(target: string) {
    this.inner = new Channel(target, credentials.createInsecure(), {});
  }
  close(): void {
    this.inner.close();
  }
  getTarget(): string {
    return this.inner.getTarget();
  }
  getConnectivityState(tryToConnect: boolean): connectivityState {
    return this.inner.getConnectivityState(tryToConnect);
  }
  watchConnectivityState(
    currentState: connectivityState,
    deadline: Date | number,
    callback: (error?: Error) => void,
  ): void {
    this.inner.watchConnectivityState(currentState, deadline, callback);
  }
  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return this.inner.getChannelzRef();
  }
  createCall(
    ...args: Parameters<ChannelInterface['createCall']>
  ): ReturnType<ChannelInterface['createCall']> {
    return this.inner.createCall(...args);
  }
}

export function overridden(): Client {
  const shared: Channel = new Channel('localhost:1', credentials.createInsecure(), {});
  const client = new Client('unused', credentials.createInsecure(), { channelOverride: shared });
  client.close();
  return new Client('localhost:1', credentials.createInsecure(), {
    channelFactoryOverride: (address, secret, options) => {
      const isSecure: boolean = secret._isSecure();
      return isSecure ? new Channel(address, secret, options) : new OwnChannel(address);
    },
  });
}

export function admin(): Server {
  const server = new Server();
  addAdminServicesToServer(server);
  server.addService(getChannelzServiceDefinition(), getChannelzHandlers());
  const { id, kind, name } = server.getChannelzRef();
  const line: string = `${kind} ${id} ${name}`;
  if (line === '') server.forceShutdown();
  return server;
}
