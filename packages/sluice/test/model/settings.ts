// The settings of the channels and servers of a run, and the service configs its resolvers find.

import type { ChannelOptions } from '#sluice/channel/channel-options.js';
import type { ConnectionsOptions } from '#sluice/channel/connections-options.js';
import type { ServiceConfig } from '#sluice/channel/service-config.js';
import { Metadata } from '#sluice/grpc/metadata.js';
import { Status } from '#sluice/grpc/status.js';
import { StatusError } from '#sluice/grpc/status-error.js';
import type { ServerOptions } from '#sluice/server/server-options.js';
import type { Conversation } from './conversation.js';
import { clientInterceptor, serverInterceptor } from './interceptors.js';
import { ModelError } from './messages.js';

/** What a run shares between both ends. */
interface Common {
  readonly initialStreamWindow: number;
  readonly initialConnectionWindow: number;
  readonly staticWindows: boolean;
  readonly maxReceiveMessageLength?: number;
  readonly maxSendMessageLength?: number;
  readonly compress?: string;
  readonly maxHeaderListBytes?: number;
}

function common(world: Conversation): Common {
  const { dice } = world;
  const window = (): number => dice.pick(16_384, 65_535, 65_535, 300_000);
  return {
    initialStreamWindow: window(),
    initialConnectionWindow: Math.max(65_535, window()),
    staticWindows: dice.chance(0.3),
    ...(world.rarely(0.15) ? { maxReceiveMessageLength: dice.size(20_000) } : {}),
    ...(world.rarely(0.1) ? { maxSendMessageLength: dice.size(20_000) } : {}),
    ...(dice.chance(0.25) ? { compress: world.encoding() } : {}),
    ...(world.rarely(0.15) ? { maxHeaderListBytes: 4_000 } : {}),
  };
}

export function channelOptions(world: Conversation, target: string): ChannelOptions {
  const { dice } = world;
  return {
    ...common(world),
    admissionPolicy: dice.pick('wait', 'wait', 'fail'),
    limits: {
      ...(world.rarely(0.3) ? { openCalls: 1 + dice.int(4) } : {}),
      ...(world.rarely(0.15) ? { queuedItems: 1 + dice.int(10) } : {}),
      ...(world.rarely(0.15) ? { queuedBytes: 1 + dice.size(10_000) } : {}),
      ...(world.rarely(0.15) ? { queueAgeMs: dice.size(500) } : {}),
      ...(world.rarely(0.3) ? { waitingCalls: 1 + dice.int(4) } : {}),
      ...(world.rarely(0.15) ? { waitingBytes: 1 + dice.size(10_000) } : {}),
      ...(world.rarely(0.15) ? { exposureBytes: 100_000 } : {}),
    },
    ...(world.isIntercepted ? { interceptors: [clientInterceptor(world)] } : {}),
    ...(dice.chance(0.3) ? { keepalive: { timeMs: 10_000, timeoutMs: 2_000 } } : {}),
    ...(world.rarely(0.3) ? { connectTimeoutMs: dice.pick(20, 500) } : {}),
    ...(dice.chance(0.2) ? { idleTimeoutMs: dice.pick(50, 2_000) } : {}),
    // Elsewhere they are refused.
    ...(dice.chance(target.startsWith('unix:') ? 0.5 : 0.02)
      ? { credentials: () => credentials(world) }
      : {}),
    backoff: { initialMs: dice.pick(1, 50), maxMs: 400 },
    ...(dice.chance(0.7) ? { serviceConfig: serviceConfig(world) } : {}),
    shareConnections: dice.chance(0.5),
    ...(dice.chance(0.4) ? { connections: connections(world) } : {}),
  };
}

function connections({ dice }: Conversation): ConnectionsOptions {
  const maxConnections = 1 + dice.int(4);
  if (dice.chance(0.4)) return { policy: 'fixed', maxConnections };
  const openAfterMs = dice.pick(1, 1, 50);
  return { policy: 'automatic', maxConnections, openAfterMs, idleMs: dice.pick(40, 2_000) };
}

/** Metadata of a call, made at once, later, or not at all. */
export function credentials(world: Conversation): Metadata | Promise<Metadata> {
  world.mayThrow(0.1);
  const made = new Metadata([['x-token', 'model']]);
  // As one without types may.
  if (world.rarely(0.05)) return undefined as unknown as Metadata;
  if (world.dice.chance(0.3)) return made;
  return world.gates.wait().then(() => {
    world.mayThrow(0.1);
    return made;
  });
}

export function serverOptions(world: Conversation): ServerOptions {
  const { dice } = world;
  return {
    ...common(world),
    limits: {
      ...(world.rarely(0.3) ? { streams: 1 + dice.int(4) } : {}),
      ...(world.rarely(0.15) ? { handlers: 1 + dice.int(4) } : {}),
      ...(world.rarely(0.15) ? { totalHandlers: 1 + dice.int(4) } : {}),
      ...(world.rarely(0.15) ? { queuedBytes: 1 + dice.size(10_000) } : {}),
      ...(world.rarely(0.15) ? { exposureBytes: 100_000 } : {}),
    },
    ...(world.isServerIntercepted ? { interceptors: [serverInterceptor(world)] } : {}),
    ...(dice.chance(0.2)
      ? { keepalive: { maxIdleMs: 3_000, maxAgeMs: 5_000, maxAgeGraceMs: 500 } }
      : {}),
    shed: () => {
      world.mayThrow(0.02);
      return world.rarely(0.02) ? new StatusError(Status.UNAVAILABLE, 'shed') : undefined;
    },
    onHandlerError: (error, path) => {
      // What a program without types gets wrong is a TypeError.
      const isExpected =
        error instanceof ModelError || error instanceof StatusError || error instanceof TypeError;
      if (!isExpected) world.complain(`onHandlerError of ${path}: ${String(error)}`);
      if (world.rarely(0.05)) throw new ModelError('the reporter throws');
      world.details.add(`handler error: ${String(error).replaceAll(/\d+/g, 'n')}`);
    },
  };
}

export function serviceConfig(world: Conversation): ServiceConfig {
  const { dice } = world;
  const codes = ['UNAVAILABLE', 'INTERNAL', 'ABORTED', 'RESOURCE_EXHAUSTED'];
  const policy = world.policy();
  return {
    loadBalancingConfig: [{ [policy]: {} }],
    methodConfig: [
      {
        name: [{ service: 'model.Retry' }],
        ...(dice.chance(0.2) ? { timeout: '2s' } : {}),
        retryPolicy: {
          maxAttempts: 2 + dice.int(3),
          initialBackoff: dice.pick('0.001s', '0.1s'),
          maxBackoff: '1s',
          backoffMultiplier: 2,
          retryableStatusCodes: codes,
        },
      },
      {
        name: [{ service: 'model.Hedge' }],
        hedgingPolicy: {
          maxAttempts: 2 + dice.int(3),
          hedgingDelay: dice.pick('0s', '0.01s', '0.2s'),
          nonFatalStatusCodes: codes,
        },
      },
      {
        name: [{}],
        ...(dice.chance(0.2) ? { timeout: '3s' } : {}),
        ...(dice.chance(0.2) ? { waitForReady: true } : {}),
        ...(world.rarely(0.15) ? { maxRequestMessageBytes: dice.size(2_000) } : {}),
        ...(world.rarely(0.15) ? { maxResponseMessageBytes: dice.size(2_000) } : {}),
      },
    ],
    ...(dice.chance(0.3) ? { retryThrottling: { maxTokens: 4, tokenRatio: 0.5 } } : {}),
  };
}
