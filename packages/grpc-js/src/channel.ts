// Channels as programs see them, and make them.
// Not here: what one is made of (internal-channel.ts), its calls (channel-call.ts).

import type { Call } from './call-interface.ts';
import { ChannelCall } from './channel-call.ts';
import type { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { ChannelRef } from './channelz.ts';
import type { ConnectivityState } from './connectivity-state.ts';
import type { Deadline } from './deadline.ts';
import { InternalChannel } from './internal-channel.ts';
import type { ServerSurfaceCall } from './server-call.ts';

/** Calls to one target, over connections that are made as calls need them. */
export interface Channel {
  /** Ends it: calls that have no connection yet fail, the others go on to their end. */
  close(): void;
  /** The target, with its scheme. */
  getTarget(): string;
  /** The state, before `tryToConnect` makes an idle channel connect. */
  getConnectivityState(tryToConnect: boolean): ConnectivityState;
  /**
   * Calls back with the first change to another state than `currentState`, or with an error when the
   * deadline passes before.
   */
  watchConnectivityState(
    currentState: ConnectivityState,
    deadline: Date | number,
    callback: (error?: Error) => void,
  ): void;
  /** Names it to the channelz service. */
  getChannelzRef(): ChannelRef;
  /**
   * A call that is still to be started; for the library itself.
   * @param host `:authority` of this call
   * @param propagateFlags bits of `propagate`: what is taken over from `parentCall`
   */
  createCall(
    method: string,
    deadline: Deadline,
    host: string | null | undefined,
    parentCall: ServerSurfaceCall | null,
    propagateFlags: number | null | undefined,
  ): Call;
}

/** The inside of a channel of this package. */
export let internalChannelOf: (channel: ChannelImplementation) => InternalChannel;

export class ChannelImplementation implements Channel {
  private readonly internalChannel: InternalChannel;

  static {
    internalChannelOf = (channel) => channel.internalChannel;
  }

  /**
   * @throws TypeError for arguments of other types; Error for a target or service config that is not
   *   understood
   */
  constructor(target: string, credentials: ChannelCredentials, options: ChannelOptions) {
    if (typeof target !== 'string') throw new TypeError('Channel target must be a string');
    if (!isChannelCredentials(credentials)) {
      throw new TypeError('Channel credentials must be a ChannelCredentials object');
    }
    if (options && typeof options !== 'object') {
      throw new TypeError('Channel options must be an object');
    }
    this.internalChannel = new InternalChannel(target, credentials, options ?? {});
  }

  close(): void {
    this.internalChannel.close();
  }

  getTarget(): string {
    return this.internalChannel.target;
  }

  getConnectivityState(tryToConnect: boolean): ConnectivityState {
    return this.internalChannel.state(tryToConnect);
  }

  watchConnectivityState(
    currentState: ConnectivityState,
    deadline: Date | number,
    callback: (error?: Error) => void,
  ): void {
    this.internalChannel.watch(currentState, deadline, callback);
  }

  getChannelzRef(): ChannelRef {
    return this.internalChannel.channelzRef;
  }

  createCall(
    method: string,
    deadline: Deadline,
    host: string | null | undefined,
    parentCall: ServerSurfaceCall | null,
    propagateFlags: number | null | undefined,
  ): Call {
    if (typeof method !== 'string') {
      throw new TypeError('Channel#createCall: method must be a string');
    }
    if (typeof deadline !== 'number' && !(deadline instanceof Date)) {
      throw new TypeError('Channel#createCall: deadline must be a number or Date');
    }
    if (this.internalChannel.isClosed) throw new Error('Channel has been shut down');
    return new ChannelCall(
      this.internalChannel,
      method,
      deadline,
      host,
      parentCall,
      propagateFlags,
    );
  }
}

// Of any copy of this package.
function isChannelCredentials(value: unknown): value is ChannelCredentials {
  if (typeof value !== 'object' || value === null) return false;
  return '_isSecure' in value && typeof value._isSecure === 'function';
}
