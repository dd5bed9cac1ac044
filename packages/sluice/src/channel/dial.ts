// One attempt to make a connection: the socket, the HTTP/2 handshake, and the time both may take.
// Invariants: exactly one of `onReady` and `onFailed` is called, unless it was cancelled first; what
// becomes of the connection later goes to its owner, who may hear of its loss twice.
// Not here: whether and when to try again (subchannel.ts, connection-pool.ts), sockets (connector.ts).

import type { Duplex } from 'node:stream';
import { ClientTransport } from '../transport/client-transport.ts';
import { tellNoRoom } from '../transport/connection-events.ts';
import { type ConnectAttempt, connectSocket, endpointText } from '../transport/connector.ts';
import { connectionEvents } from '../transport/diagnostics.ts';
import type { ClosingError } from '../transport/errors.ts';
import { CONNECT_TIMEOUT_MS } from '../transport/limits.ts';
import type { SocketNames } from '../transport/listener.ts';
import { memoryBudget } from '../transport/memory-budget.ts';
import type { Reader } from '../transport/reader.ts';
import type { WheelTimer } from '../transport/timer-wheel.ts';
import type { SubchannelOptions } from './subchannel.ts';

/** A live connection with what stats show of it. */
export interface LiveTransport {
  readonly transport: ClientTransport;
  readonly id: number;
  readonly names: SocketNames;
  readonly sinceMs: number;
}

/** Whose connection it is; hears of it for as long as it lives. */
export interface ConnectionOwner {
  /** The socket is open; the handshake follows. */
  onSocketOpen(live: LiveTransport): void;
  onSocketClosed(live: LiveTransport): void;
  /** The memory budget has no room for a connection. */
  onNoRoom(): void;
  /** A call more may be admitted than a moment ago. */
  onCapacity(transport: ClientTransport): void;
  /** Milliseconds for keepalive of the connections that follow. */
  onKeepaliveTime(timeMs: number): void;
  /** Was ready, and takes no more calls: it drains, or is closed. */
  onLost(live: LiveTransport, reason: string): void;
}

/** What became of the attempt. */
export interface DialResult {
  onReady(live: LiveTransport): void;
  onFailed(reason: string): void;
}

/** Starts with `start`. */
export class Dial implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly options: SubchannelOptions;
  private readonly owner: ConnectionOwner;
  /** Undefined once it was told, or cancelled. */
  private result: DialResult | undefined;
  private attempt: ConnectAttempt | undefined;
  private live: LiveTransport | undefined;
  private startedMs: number;

  constructor(options: SubchannelOptions, owner: ConnectionOwner, result: DialResult) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.options = options;
    this.owner = owner;
    this.result = result;
    this.attempt = undefined;
    this.live = undefined;
    this.startedMs = 0;
  }

  private get timeoutMs(): number {
    return this.options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  }

  private get where(): string {
    return endpointText(this.options.endpoint);
  }

  /** @param keepaliveMs quiet time before a ping, as the connections before have learnt it */
  start(keepaliveMs: number | undefined): void {
    const { wheel, endpoint, secure, serverName } = this.options;
    this.startedMs = wheel.now();
    this.tellConnecting();
    if (!memoryBudget.takesConnection()) {
      this.owner.onNoRoom();
      tellNoRoom('client', this.where);
      this.fail(`no connection to ${this.where} is made: ${memoryBudget.fullText}`);
      return;
    }
    wheel.add(this, wheel.now() + this.timeoutMs);
    const named =
      secure === undefined || serverName === '' ? secure : { servername: serverName, ...secure };
    try {
      this.attempt = connectSocket(endpoint, named, {
        onSocket: (socket, feed) => this.onSocket(socket, feed, keepaliveMs),
        onFailure: (reason) => this.fail(reason),
      });
    } catch (error) {
      // TLS settings that node:tls cannot use: a certificate that is none, a key of another one.
      const why = error instanceof Error ? error.message : String(error);
      this.fail(`cannot connect to ${this.where}: ${why}`);
    }
  }

  /** Not needed any more. One that is ready already is not concerned. */
  cancel(): void {
    const { live, result } = this;
    if (result === undefined) return;
    this.settle();
    this.attempt?.cancel();
    live?.transport.drain('the connection is not needed any more');
  }

  /** The time is over. */
  onTimer(): void {
    const { live, timeoutMs, where } = this;
    const waited = live === undefined ? 'no connection to' : 'no HTTP/2 SETTINGS from';
    const result = this.settle();
    this.attempt?.cancel();
    live?.transport.close('the handshake took too long');
    const reason = `${waited} ${where} within ${timeoutMs} ms`;
    this.tellFailed(reason);
    result?.onFailed(reason);
  }

  private onSocket(
    socket: Duplex,
    feed: (reader: Reader) => void,
    keepaliveMs: number | undefined,
  ): void {
    const { options, owner } = this;
    const transport: ClientTransport = new ClientTransport(
      {
        onReady: () => this.settle()?.onReady(live),
        onCapacity: () => owner.onCapacity(transport),
        onKeepaliveTime: (timeMs) => owner.onKeepaliveTime(timeMs),
        onDraining: (reason) => owner.onLost(live, reason),
        onClosed: (error) => this.onClosed(live, error),
      },
      {
        ...options,
        keepalive: { ...options.keepalive, timeMs: keepaliveMs },
        socket,
        schedule: setImmediate,
        scheme: options.secure === undefined ? 'http' : 'https',
      },
    );
    const live: LiveTransport = {
      transport,
      id: transport.connection.id,
      names: transport.connection.names,
      sinceMs: options.wheel.now(),
    };
    this.live = live;
    owner.onSocketOpen(live);
    socket.once('close', () => owner.onSocketClosed(live));
    feed(transport.connection.reader);
  }

  private onClosed(live: LiveTransport, error: ClosingError): void {
    const handshaking = this.settle();
    if (handshaking === undefined) {
      this.owner.onLost(live, error.reason);
      return;
    }
    const { where } = this;
    const reason = `the HTTP/2 handshake with ${where} failed: ${error.reason}${this.hint(error)}`;
    this.tellFailed(reason);
    handshaking.onFailed(reason);
  }

  // A server that asks for certificates, and one that speaks TLS, may close without a word.
  private hint(error: ClosingError): string {
    if (error.kind !== 'io' || error.cause !== undefined) return '';
    return this.options.secure === undefined
      ? '; does it speak TLS on this port?'
      : "; did it refuse this client's certificate?";
  }

  private fail(reason: string): void {
    const result = this.settle();
    if (result === undefined) return;
    this.tellFailed(reason);
    result.onFailed(reason);
  }

  private tellConnecting(): void {
    if (!connectionEvents.hasSubscribers) return;
    connectionEvents.publish({ phase: 'connecting', side: 'client', address: this.where });
  }

  private tellFailed(reason: string): void {
    if (!connectionEvents.hasSubscribers) return;
    const durationMs = this.options.wheel.now() - this.startedMs;
    const { where: address } = this;
    connectionEvents.publish({ phase: 'failed', side: 'client', address, reason, durationMs });
  }

  private settle(): DialResult | undefined {
    const { result } = this;
    this.result = undefined;
    this.options.wheel.remove(this);
    return result;
  }
}
