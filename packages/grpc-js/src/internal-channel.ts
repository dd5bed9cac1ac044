// What a channel of this package is made of: a channel of the runtime below, and the calls on it.
// Invariants: `close` lets calls that have reached a connection go on, ends those that wait for one,
// and gives the connections back with the last call; whoever watches the state hears of its end.
// Not here: the public face (channel.ts), a call (channel-call.ts), options (sluice-options.ts).

import type { Channel as SluiceChannel, ConnectivityState as StateName } from 'sluice';
import type { CallCredentials } from './call-credentials.ts';
import type { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import { type ChannelRef, channelRefOf } from './channelz.ts';
import { callCredentialsOf } from './client-tls.ts';
import { stateOf } from './connectivity-names.ts';
import { ConnectivityState } from './connectivity-state.ts';
import { getDefaultAuthority } from './resolver.ts';
import { sluiceOptions } from './sluice-options.ts';
import { StateWatcher } from './state-watcher.ts';
import { parseTarget } from './target-uri.ts';
import { channelTo } from './unparsed-target.ts';
import { type GrpcUri, uriToString } from './uri-parser.ts';

/** Options that begin so are of policies, and make no difference between subchannels. */
export const SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX = 'grpc.internal.no_subchannel';

/** A call as its channel sees it. */
export interface OpenCall {
  nextOpen: OpenCall | undefined;
  previousOpen: OpenCall | undefined;
  /** Its channel was closed: it ends, unless it has reached a connection. */
  onChannelClosed(): void;
}

/** The inside of one channel. */
export class InternalChannel {
  /** `scheme:path`. */
  readonly target: string;
  readonly credentials: ChannelCredentials;
  /** Those of every call, behind the call's own. */
  readonly callCredentials: CallCredentials | undefined;
  /** @internal */
  readonly sluice: SluiceChannel;
  /** The target as it was given. */
  private readonly name: string;
  private readonly uri: GrpcUri;
  private readonly options: ChannelOptions;
  private firstOpen: OpenCall | undefined;
  private readonly watchers: Set<StateWatcher>;
  private isJoining: boolean;
  private closed: boolean;
  private ended: boolean;

  /** @throws Error for a target that is no URI; what `sluiceOptions` throws */
  constructor(target: string, credentials: ChannelCredentials, options: ChannelOptions) {
    const uri = parseTarget(target);
    this.target = uriToString(uri);
    this.name = target;
    this.credentials = credentials;
    this.callCredentials = callCredentialsOf(credentials);
    this.uri = uri;
    this.options = options;
    this.sluice = channelTo(uri, sluiceOptions(uri, credentials, options));
    this.firstOpen = undefined;
    this.watchers = new Set();
    this.isJoining = false;
    this.closed = false;
    this.ended = false;
    // It would be shown until somebody asks.
    if (options['grpc.enable_channelz'] === 0) void this.channelzRef;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  get isSecure(): boolean {
    return this.credentials._isSecure();
  }

  /** `:authority` of calls that name none. */
  get authority(): string {
    return this.options['grpc.default_authority'] ?? getDefaultAuthority(this.uri);
  }

  /** By which channelz knows it. */
  get channelzRef(): ChannelRef {
    const enabled = this.options['grpc.enable_channelz'] !== 0;
    return channelRefOf(this.sluice, this.name, enabled);
  }

  // Calls.

  /** A call began. */
  add(call: OpenCall): void {
    const { firstOpen } = this;
    call.nextOpen = firstOpen;
    if (firstOpen !== undefined) firstOpen.previousOpen = call;
    this.firstOpen = call;
  }

  /** A call has ended. */
  remove(call: OpenCall): void {
    const { nextOpen, previousOpen } = call;
    if (nextOpen !== undefined) nextOpen.previousOpen = previousOpen;
    if (previousOpen !== undefined) previousOpen.nextOpen = nextOpen;
    else if (this.firstOpen === call) this.firstOpen = nextOpen;
    call.nextOpen = undefined;
    call.previousOpen = undefined;
    if (this.closed && this.firstOpen === undefined) this.end();
  }

  // Connectivity.

  /** The state before any effect of `tryToConnect`. */
  state(tryToConnect: boolean): ConnectivityState {
    if (this.closed) return ConnectivityState.SHUTDOWN;
    const { shown } = this;
    if (tryToConnect) this.connect(shown);
    return stateOf(shown);
  }

  private get shown(): StateName {
    return this.isJoining ? 'CONNECTING' : this.sluice.state;
  }

  // A connection that is there already is joined at once. Who was told the state before, and waits for
  // the next one, is to see a change.
  private connect(before: StateName): void {
    this.sluice.connect();
    const { state } = this.sluice;
    if (this.isJoining || state === before || state === 'CONNECTING') return;
    this.isJoining = true;
    process.nextTick(joined, this);
  }

  /** What it shows is what it is again. */
  onJoined(): void {
    this.isJoining = false;
  }

  /** @throws Error once the channel is closed */
  watch(
    known: ConnectivityState,
    deadline: Date | number,
    callback: (error?: Error) => void,
  ): void {
    if (this.closed) throw new Error('Channel has been shut down');
    const watcher = new StateWatcher(this.sluice, known, callback, () => {
      this.watchers.delete(watcher);
    });
    this.watchers.add(watcher);
    watcher.start(deadline, this.shown);
  }

  // The end.

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (let call = this.firstOpen; call !== undefined; ) {
      const next: OpenCall | undefined = call.nextOpen;
      call.onChannelClosed();
      call = next;
    }
    for (const watcher of [...this.watchers]) watcher.onShutdown();
    if (this.firstOpen === undefined) this.end();
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    // It resolves when its sockets are gone, which nobody waits for.
    void this.sluice.close();
  }
}

function joined(channel: InternalChannel): void {
  channel.onJoined();
}
