// What a channel of this package tells the resolvers and policies that programs registered, by way of
// the `attributes` of its Sluice channel, and what its resolver tells its policy beside addresses.
// Invariant: one object for each channel; the resolver writes, policies and pickers read.
// Not here: who reads it (resolver-bridge.ts, balancer-bridge.ts).

import type { StatusObject } from './call-interface.ts';
import type { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { ConfigSelector } from './resolver.ts';

/** Of one channel. */
export interface ChannelAttributes {
  readonly options: ChannelOptions;
  /** Undefined for a channel that Sluice itself made. */
  readonly credentials: ChannelCredentials | undefined;
  /** For config selectors: an integer that is random, and the same for the channel's life. */
  readonly channelId: number;
  /** What the resolver gave with its last result, for policies. */
  resolverAttributes: { readonly [key: string]: unknown };
  resolutionNote: string;
  /** The error that came instead of addresses, for policies that take one. */
  resolutionError: StatusObject | undefined;
  configSelector: ConfigSelector | undefined;
  /** What the policy said of the last result. */
  accepted: boolean;
}

// Two copies of this package in one process share Sluice's registries.
const KEY = 'grpc-js';

/** For `attributes` of Sluice's channel options. */
export function channelAttributes(
  options: ChannelOptions,
  credentials: ChannelCredentials | undefined,
): Readonly<Record<string, unknown>> {
  return { [KEY]: made(options, credentials) };
}

function made(
  options: ChannelOptions,
  credentials: ChannelCredentials | undefined,
): ChannelAttributes {
  return {
    options,
    credentials,
    channelId: Math.floor(Math.random() * Number.MAX_SAFE_INTEGER),
    resolverAttributes: {},
    resolutionNote: '',
    resolutionError: undefined,
    configSelector: undefined,
    accepted: true,
  };
}

/** Those of a channel of this package, or new ones for a channel that a program made by Sluice itself. */
export function ownAttributes(
  attributes: Readonly<Record<string, unknown>> | undefined,
): ChannelAttributes {
  return attributesOf(attributes) ?? made({}, undefined);
}

/** Those of a channel of this package; undefined of one that a program made by Sluice itself. */
export function attributesOf(
  attributes: Readonly<Record<string, unknown>> | undefined,
): ChannelAttributes | undefined {
  // Nobody else uses the key.
  return attributes?.[KEY] as ChannelAttributes | undefined;
}
