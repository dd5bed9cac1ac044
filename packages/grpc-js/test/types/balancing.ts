// A program written for @grpc/grpc-js: resolvers, balancers, pickers, filters and wrapped subchannels by its
// `experimental` names. It is compiled, never run.

import {
  type ChannelOptions,
  connectivityState,
  experimental,
  type LoadBalancingConfig,
  logVerbosity,
  Metadata,
  status,
} from '@grpc/grpc-js';

const {
  ChildLoadBalancerHandler,
  LeafLoadBalancer,
  PickResultType,
  QueuePicker,
  UnavailablePicker,
} = experimental;

export class OwnResolver implements experimental.Resolver {
  private readonly listener: experimental.ResolverListener;
  private readonly target: experimental.GrpcUri;

  constructor(
    target: experimental.GrpcUri,
    listener: experimental.ResolverListener,
    _options: ChannelOptions,
  ) {
    this.target = target;
    this.listener = listener;
  }
  updateResolution(): void {
    const { host, port } = experimental.splitHostPort(this.target.path) ?? { host: '', port: 0 };
    const address: experimental.SubchannelAddress = { host, port: port ?? 443 };
    const endpoint: experimental.Endpoint = { addresses: [address, { path: '/run/socket' }] };
    const found: experimental.StatusOr<experimental.Endpoint[]> = experimental.statusOrFromValue([
      endpoint,
    ]);
    const isTaken: boolean = this.listener(
      found,
      { [experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY]: undefined },
      experimental.statusOrFromValue({ loadBalancingConfig: [], methodConfig: [] }),
      'a note',
    );
    if (!isTaken) {
      const failed = experimental.statusOrFromError<experimental.Endpoint[]>({
        code: status.UNAVAILABLE,
        details: experimental.endpointToString(endpoint),
      });
      this.listener(failed, {}, null, '');
    }
  }
  destroy(): void {}
  static getDefaultAuthority(target: experimental.GrpcUri): string {
    return target.authority ?? experimental.uriToString(target);
  }
}

export const selector: experimental.ConfigSelector = {
  invoke: (_method, _metadata, _channel) => ({
    methodConfig: { name: [] },
    pickInformation: {},
    status: status.OK,
    dynamicFilterFactories: [],
  }),
  unref: () => {},
};

export class OwnConfig implements experimental.TypedLoadBalancingConfig {
  getLoadBalancerName(): string {
    return 'own';
  }
  toJsonObject(): object {
    return { own: {} };
  }
  static createFromJson(_json: unknown): OwnConfig {
    return new OwnConfig();
  }
}

export class OwnPicker implements experimental.Picker {
  private readonly subchannel: experimental.SubchannelInterface;

  constructor(subchannel: experimental.SubchannelInterface) {
    this.subchannel = subchannel;
  }
  pick({ metadata, extraPickInfo }: experimental.PickArgs): experimental.PickResult {
    const isDropped = metadata.get('drop').length > 0 || extraPickInfo.drop !== undefined;
    return {
      pickResultType: isDropped ? PickResultType.DROP : PickResultType.COMPLETE,
      subchannel: this.subchannel,
      status: null,
      onCallStarted: () => {},
      onCallEnded: (code, details, trailer) => void [code, details, trailer],
    };
  }
}

/** A balancer over others, as health checks and locality balancers are. */
export class OwnBalancer implements experimental.LoadBalancer {
  private readonly child: InstanceType<typeof ChildLoadBalancerHandler>;
  private readonly leaves: experimental.EndpointMap<InstanceType<typeof LeafLoadBalancer>>;
  private readonly helper: experimental.ChannelControlHelper;

  constructor(helper: experimental.ChannelControlHelper) {
    this.helper = experimental.createChildChannelControlHelper(helper, {
      createSubchannel: (address, options) =>
        new OwnSubchannel(helper.createSubchannel(address, options)),
      updateState: (state, picker, message) => helper.updateState(state, picker, message),
    });
    this.child = new ChildLoadBalancerHandler(this.helper);
    this.leaves = new experimental.EndpointMap();
  }
  updateAddressList(
    list: experimental.StatusOr<experimental.Endpoint[]>,
    config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
    note: string,
  ): boolean {
    if (!list.ok) {
      const { details, code } = list.error;
      const picker = new UnavailablePicker({ code, details, metadata: new Metadata() });
      this.helper.updateState(connectivityState.TRANSIENT_FAILURE, picker, details);
      return false;
    }
    for (const endpoint of list.value) {
      if (this.leaves.has(endpoint)) continue;
      const leaf = new LeafLoadBalancer(endpoint, this.helper, options, note);
      this.leaves.set(endpoint, leaf);
      leaf.startConnecting();
      if (leaf.getConnectivityState() !== connectivityState.READY) leaf.exitIdle();
      leaf.updateEndpoint(leaf.getEndpoint(), options);
      this.helper.updateState(connectivityState.READY, leaf.getPicker(), null);
    }
    for (const leaf of this.leaves.deleteMissing(list.value)) leaf.destroy();
    this.helper.requestReresolution();
    this.helper.updateState(connectivityState.CONNECTING, new QueuePicker(this), null);
    return this.child.updateAddressList(list, config, options, note);
  }
  exitIdle(): void {
    this.child.exitIdle();
  }
  resetBackoff(): void {
    this.child.resetBackoff();
  }
  destroy(): void {
    this.child.destroy();
    this.leaves.clear();
  }
  getTypeName(): string {
    return 'own';
  }
}

export class OwnSubchannel extends experimental.BaseSubchannelWrapper {
  private readonly listener: experimental.ConnectivityStateListener;

  constructor(child: experimental.SubchannelInterface) {
    super(child);
    this.listener = (subchannel, previous, next, keepalive, message) =>
      void [subchannel.getAddress(), previous, next, keepalive, message];
    child.addConnectivityStateListener(this.listener);
    const health: experimental.HealthListener = (isHealthy) => this.setHealthy(isHealthy);
    child.addHealthStateWatcher(health);
  }
  protected override destroy(): void {
    this.child.removeConnectivityStateListener(this.listener);
    super.destroy();
  }
}

export function registered(): readonly unknown[] {
  experimental.registerResolver('own', OwnResolver);
  experimental.registerLoadBalancerType('own', OwnBalancer, OwnConfig);
  const raw: LoadBalancingConfig[] = [{ own: {} }, { round_robin: {} }];
  const selected: experimental.TypedLoadBalancingConfig | null =
    experimental.selectLbConfigFromList(raw, true);
  const parsed = experimental.parseLoadBalancingConfig({ pick_first: {} });
  const resolver = experimental.createResolver({ scheme: 'own', path: 'a' }, () => true, {});
  resolver.destroy();
  return [
    selected?.toJsonObject(),
    parsed.getLoadBalancerName(),
    experimental.isLoadBalancerNameRegistered('own'),
    experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX,
  ];
}

export class OwnFilter extends experimental.BaseFilter implements experimental.Filter {
  override async sendMetadata(metadata: Promise<Metadata>): Promise<Metadata> {
    const all = await metadata;
    all.set('filtered', 'yes');
    return all;
  }
}

export class OwnFilterFactory implements experimental.FilterFactory<OwnFilter> {
  createFilter(): OwnFilter {
    return new OwnFilter();
  }
}

export const filters: experimental.FilterStackFactory = new experimental.FilterStackFactory([
  new OwnFilterFactory(),
]);

export const outliers: experimental.OutlierDetectionRawConfig = {
  interval: { seconds: 10, nanos: 0 },
  success_rate_ejection: { stdev_factor: 1900 },
  failure_percentage_ejection: { threshold: 85 },
  child_policy: [{ round_robin: {} }],
};

export function small(call: experimental.CallStream): readonly unknown[] {
  const timeout = new experimental.BackoffTimeout(() => {}, { initialDelay: 10, jitter: 0 });
  timeout.runOnce();
  timeout.unref();
  timeout.stop();
  const duration: experimental.Duration | null = experimental.parseDuration('1.5s');
  const hostPort: experimental.HostPort | null = experimental.splitHostPort('a:1');
  experimental.trace(logVerbosity.DEBUG, 'own', 'text');
  experimental.log(logVerbosity.INFO, 'text', 1);
  call.cancelWithStatus(status.CANCELLED, call.getPeer());
  const endpoint: experimental.Endpoint = { addresses: [{ path: '/run/socket' }] };
  return [
    duration === null ? 0 : experimental.durationToMs(duration),
    hostPort?.port,
    timeout.isRunning(),
    experimental.endpointHasAddress(endpoint, { path: '/run/socket' }),
    experimental.subchannelAddressToString({ host: 'a', port: 1 }),
  ];
}
