// What programs extend a channel or a server with: resolvers, policies, pickers, filters, certificate
// providers. Names as in 1.14.7, from the files that have them there; they may change with any release.
// Invariant: loading this file makes the policies of this package known.

import { setupBalancers } from './builtin-balancers.ts';

export { registerAdminService } from './admin.ts';
export { BackoffTimeout } from './backoff-timeout.ts';
export {
  type Call as CallStream,
  type StatusOr,
  statusOrFromError,
  statusOrFromValue,
} from './call-interface.ts';
export {
  type CaCertificateUpdate,
  type CaCertificateUpdateListener,
  type CertificateProvider,
  FileWatcherCertificateProvider,
  type FileWatcherCertificateProviderConfig,
  type IdentityCertificateUpdate,
  type IdentityCertificateUpdateListener,
} from './certificate-provider.ts';
export {
  createCertificateProviderChannelCredentials,
  type SecureConnector,
  type SecureConnectResult,
} from './channel-credentials.ts';
export { type Duration, durationToMs, parseDuration } from './duration.ts';
export { BaseFilter, type Filter, type FilterFactory } from './filter.ts';
export { FilterStackFactory } from './filter-stack.ts';
export { SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX } from './internal-channel.ts';
export {
  type ChannelControlHelper,
  createChildChannelControlHelper,
  isLoadBalancerNameRegistered,
  type LoadBalancer,
  parseLoadBalancingConfig,
  registerLoadBalancerType,
  selectLbConfigFromList,
  type TypedLoadBalancingConfig,
} from './load-balancer.ts';
export { ChildLoadBalancerHandler } from './load-balancer-child-handler.ts';
export type {
  FailurePercentageEjectionConfig,
  OutlierDetectionRawConfig,
  SuccessRateEjectionConfig,
} from './load-balancer-outlier-detection.ts';
export { LeafLoadBalancer } from './load-balancer-pick-first.ts';
export { log, trace } from './logging.ts';
export {
  type PickArgs,
  type Picker,
  type PickResult,
  PickResultType,
  QueuePicker,
  UnavailablePicker,
} from './picker.ts';
export {
  CHANNEL_ARGS_CONFIG_SELECTOR_KEY,
  type ConfigSelector,
  createResolver,
  type Resolver,
  type ResolverListener,
  registerResolver,
} from './resolver.ts';
export {
  createCertificateProviderServerCredentials,
  createServerCredentialsWithInterceptors,
} from './server-credentials.ts';
export {
  type Endpoint,
  EndpointMap,
  endpointHasAddress,
  endpointToString,
  type SubchannelAddress,
  subchannelAddressToString,
} from './subchannel-address.ts';
export {
  BaseSubchannelWrapper,
  type ConnectivityStateListener,
  type HealthListener,
  type SubchannelInterface,
} from './subchannel-interface.ts';
export { type GrpcUri, type HostPort, splitHostPort, uriToString } from './uri-parser.ts';

setupBalancers();
