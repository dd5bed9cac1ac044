// A resolver that a program registered, at work for a channel of Sluice.
// Invariants: the program's resolver is asked again no faster than its backoff allows; an error goes to
// a program's policy as such, and to Sluice's policies as what they know; a service config that cannot
// be used leaves the one before in force.
// Not here: built-in schemes; config selectors at work (config-selector-bridge.ts).

import type {
  ResolverContext,
  ResolverFactory,
  ResolverListener as SluiceListener,
  Resolver as SluiceResolver,
  ServiceConfig as SluiceServiceConfig,
  TargetUri,
} from 'sluice';
import { BackoffTimeout } from './backoff-timeout.ts';
import { balancerTypes } from './balancer-registry.ts';
import type { StatusObject, StatusOr } from './call-interface.ts';
import { type ChannelAttributes, ownAttributes } from './channel-attributes.ts';
import { selecting } from './config-selector-bridge.ts';
import { backendsOf } from './endpoint-bridge.ts';
import {
  CHANNEL_ARGS_CONFIG_SELECTOR_KEY,
  type ConfigSelector,
  type Resolver,
  type ResolverConstructor,
} from './resolver.ts';
import type { ServiceConfig } from './service-config.ts';
import { sluiceServiceConfig, toSluiceServiceConfig } from './sluice-service-config.ts';
import type { Endpoint } from './subchannel-address.ts';
import { type GrpcUri, parseUri } from './uri-parser.ts';

/** For Sluice's registry. */
export function bridgedResolver(
  scheme: string,
  resolverClass: ResolverConstructor,
): ResolverFactory {
  return {
    scheme,
    authority: (target) => resolverClass.getDefaultAuthority(uriOf(target)),
    create: (target, listener, context) =>
      new BridgedResolver(uriOf(target), resolverClass, listener, context),
  };
}

function uriOf({ scheme, text }: TargetUri): GrpcUri {
  return { ...(parseUri(text) ?? { path: text }), scheme };
}

const DEFAULT_CONFIG: SluiceServiceConfig = { loadBalancingConfig: [{ pick_first: {} }] };

class BridgedResolver implements SluiceResolver {
  private readonly listener: SluiceListener;
  private readonly attributes: ChannelAttributes;
  private readonly resolver: Resolver;
  private readonly backoff: BackoffTimeout;
  /** Somebody asked while the backoff ran. */
  private continueResolving: boolean;
  /** Of the last result that had a usable one or none. */
  private config: SluiceServiceConfig | undefined;
  private hasResult: boolean;
  private closed: boolean;

  constructor(
    target: GrpcUri,
    resolverClass: ResolverConstructor,
    listener: SluiceListener,
    context: ResolverContext,
  ) {
    this.listener = listener;
    this.attributes = ownAttributes(context.attributes);
    this.continueResolving = false;
    this.config = undefined;
    this.hasResult = false;
    this.closed = false;
    const { options } = this.attributes;
    const initialDelay = options['grpc.initial_reconnect_backoff_ms'];
    const maxDelay = options['grpc.max_reconnect_backoff_ms'];
    this.backoff = new BackoffTimeout(
      () => {
        if (this.continueResolving) this.ask();
      },
      {
        ...(initialDelay === undefined ? {} : { initialDelay }),
        ...(maxDelay === undefined ? {} : { maxDelay }),
      },
    );
    this.backoff.unref();
    this.resolver = new resolverClass(
      target,
      (endpoints, attributes, serviceConfig, resolutionNote) =>
        this.onResult(endpoints, attributes, serviceConfig, resolutionNote),
      options,
    );
  }

  resolve(): void {
    if (this.backoff.isRunning()) this.continueResolving = true;
    else this.ask();
  }

  private ask(): void {
    this.continueResolving = false;
    this.resolver.updateResolution();
    this.backoff.runOnce();
  }

  close(): void {
    this.closed = true;
    this.backoff.stop();
    this.attributes.configSelector?.unref();
    this.attributes.configSelector = undefined;
    this.resolver.destroy();
  }

  private onResult(
    endpoints: StatusOr<Endpoint[]>,
    attributes: { [key: string]: unknown },
    serviceConfig: StatusOr<ServiceConfig> | null,
    resolutionNote: string,
  ): boolean {
    if (this.closed) return false;
    const isUsable = this.pass(endpoints, attributes, serviceConfig, resolutionNote);
    if (this.closed) return false;
    if (isUsable && endpoints.ok) {
      this.backoff.stop();
      this.backoff.reset();
      if (this.continueResolving) this.ask();
    } else {
      this.continueResolving = true;
      if (!this.backoff.isRunning()) this.backoff.runOnce();
    }
    return isUsable;
  }

  private pass(
    endpoints: StatusOr<Endpoint[]>,
    attributes: { [key: string]: unknown },
    serviceConfig: StatusOr<ServiceConfig> | null,
    resolutionNote: string,
  ): boolean {
    const own = this.attributes;
    if (serviceConfig?.ok === false && !this.hasResult) {
      this.listener.onError(serviceConfig.error.details);
      return false;
    }
    this.hasResult = true;
    if (serviceConfig === null) this.config = undefined;
    else if (serviceConfig.ok)
      this.config = toSluiceServiceConfig(serviceConfig.value, own.options);
    own.resolverAttributes = attributes;
    own.resolutionNote = resolutionNote;
    this.select(attributes);
    own.accepted = true;
    if (!endpoints.ok) return this.fail(endpoints.error);
    own.resolutionError = undefined;
    this.listener.onResolution({
      addresses: backendsOf(endpoints.value),
      serviceConfig: this.configToUse(),
    });
    return own.accepted && endpoints.value.length > 0;
  }

  private select(attributes: { [key: string]: unknown }): void {
    const own = this.attributes;
    const before = own.configSelector;
    // Under this key the interface has nothing else.
    own.configSelector = attributes[CHANNEL_ARGS_CONFIG_SELECTOR_KEY] as ConfigSelector | undefined;
    if (before !== own.configSelector) before?.unref();
  }

  /** The channel's own, or one that asks the selector first; undefined is the channel's own. */
  private configToUse(): SluiceServiceConfig | undefined {
    if (this.attributes.configSelector === undefined) return this.config;
    const config = this.config ?? this.ofChannel();
    const [policy = { pick_first: {} }] = config.loadBalancingConfig ?? [];
    return { ...config, loadBalancingConfig: [selecting(policy)] };
  }

  private ofChannel(): SluiceServiceConfig {
    return sluiceServiceConfig(this.attributes.options) ?? DEFAULT_CONFIG;
  }

  private fail(error: StatusObject): boolean {
    const [policy = {}] = (this.config ?? this.ofChannel()).loadBalancingConfig ?? [];
    const [name = ''] = Object.keys(policy);
    if (balancerTypes.get(name)?.isBuiltin === false) {
      this.attributes.resolutionError = error;
      this.listener.onResolution({ addresses: [], serviceConfig: this.configToUse() });
      return this.attributes.accepted;
    }
    this.listener.onError(error.details);
    return true;
  }
}
