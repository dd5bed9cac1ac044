// A resolver and a balancer of the model: addresses and configs that change, pickers that throw,
// drop and pick what is none, and trackers whose starts and ends are counted.

import {
  type Balancer,
  type BalancerContext,
  balancerFactory,
  type Picker,
  type PickResult,
  registerBalancer,
} from '#sluice/channel/balancer.js';
import {
  type BackendAddress,
  type ResolverListener,
  registerResolver,
} from '#sluice/channel/resolver.js';
import { Status } from '#sluice/grpc/status.js';
import type { Conversation } from './conversation.js';
import { serviceConfig } from './settings.js';

/** The run under way: registries are those of the process. */
let world: Conversation | undefined;

export function useConversation(conversation: Conversation): void {
  world = conversation;
}

function current(): Conversation {
  if (world === undefined) throw new Error('no run is under way');
  return world;
}

registerResolver({
  scheme: 'model',
  authority: () => 'model',
  create: (_target, listener) => new ModelResolver(current(), listener),
});

/** Answers after a while, with whatever the run has to say. */
export class ModelResolver {
  private readonly world: Conversation;
  private readonly listener: ResolverListener;
  private closed = false;

  constructor(conversation: Conversation, listener: ResolverListener) {
    this.world = conversation;
    this.listener = listener;
    conversation.resolvers.add(this);
  }

  resolve(): void {
    const { dice, platform } = this.world;
    if (dice.chance(0.3)) this.answer();
    else platform.clock.setTimer(() => this.answer(), dice.size(100), false);
  }

  answer(): void {
    if (this.closed) return;
    const { dice } = this.world;
    if (this.world.rarely(0.15) && !this.world.isEnding) {
      this.listener.onError('the resolver of the model failed');
      return;
    }
    const addresses: BackendAddress[] = this.world.scenery.addresses(this.world.rarely(0.1));
    this.listener.onResolution({
      addresses,
      serviceConfig: dice.maybe(0.4, () =>
        this.world.rarely(0.2) ? 'no good config' : serviceConfig(this.world),
      ),
    });
  }

  close(): void {
    this.closed = true;
    this.world.resolvers.delete(this);
  }
}

registerBalancer({
  name: 'model_policy',
  parseConfig: (config) => config,
  create: (context) => new ModelBalancer(current(), context),
});

/** round_robin whose picker is a random one. */
class ModelBalancer implements Balancer {
  private readonly inner: Balancer;

  constructor(conversation: Conversation, context: BalancerContext) {
    const factory = balancerFactory('round_robin');
    if (factory === undefined) throw new Error('no round_robin');
    this.inner = factory.create({
      target: context.target,
      createSubchannel: (address, onState) => context.createSubchannel(address, onState),
      update: (state, picker) => context.update(state, modelPicker(conversation, picker)),
      requestResolution: () => context.requestResolution(),
      startTimer: (ms, callback) => context.startTimer(ms, callback),
      now: () => context.now(),
      random: () => context.random(),
    });
  }

  update(addresses: readonly BackendAddress[]): void {
    this.inner.update(addresses, undefined);
  }

  onResolverError(details: string): void {
    this.inner.onResolverError(details);
  }

  exitIdle(): void {
    this.inner.exitIdle();
  }

  close(): void {
    this.inner.close();
  }
}

function modelPicker(conversation: Conversation, picker: Picker): Picker {
  return {
    pick(info): PickResult {
      conversation.mayThrow(0.03);
      if (conversation.rarely(0.03)) {
        return { kind: 'drop', code: Status.ABORTED, details: 'dropped' };
      }
      if (conversation.rarely(0.03))
        return { kind: 'fail', code: Status.INTERNAL, details: 'failed' };
      if (conversation.rarely(0.01)) return wrongPick(conversation);
      const result = picker.pick(info);
      if (result.kind !== 'subchannel') return result;
      return { ...result, tracker: tracker(conversation) };
    },
  };
}

/** As a picker without types may answer. */
function wrongPick(conversation: Conversation): PickResult {
  const { dice } = conversation;
  const foreign = { kind: 'subchannel', subchannel: { state: 'READY' } };
  const wrong: unknown = dice.pick<unknown>(undefined, {}, { kind: 'subchannel' }, foreign);
  return wrong as PickResult;
}

function tracker(conversation: Conversation): {
  onStart(): void;
  onEnd(): void;
} {
  let starts = 0;
  let ends = 0;
  return {
    onStart() {
      starts += 1;
      conversation.tracked += 1;
      if (starts > 1) conversation.complain('a pick started twice');
    },
    onEnd() {
      ends += 1;
      conversation.tracked -= 1;
      if (ends > starts || ends > 1) conversation.complain('a pick ended more often than it began');
    },
  };
}
