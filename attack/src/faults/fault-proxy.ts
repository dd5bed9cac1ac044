// A TCP proxy on loopback between a client and a server, with the faults of real networks: delay, a
// rate, resets, half-closes, black holes, bytes one by one or cut at random, a direction that waits
// while the other goes on, and peers that stop reading; at any time, or at the end of the n-th frame.
// Invariant: an end or a reset of one side reaches the other one as what it is, unless a fault says
// otherwise. Not here: one direction's bytes (lane.ts).

import {
  type AddressInfo,
  createServer,
  connect as dial,
  type Server,
  type Socket,
} from 'node:net';
import { LANE_BYTES, Lane, type LaneSettings } from './lane.ts';

/** `reset`: RST to both, see `resetBehind`; `fin`: behind that frame; `black-hole`: both ways; `stop`: that lane waits. */
export type FrameFault = 'reset' | 'fin' | 'black-hole' | 'stop';

export type Direction = 'toServer' | 'toClient';

const UNTIL_READ_MS = 3;

/** Settings of a proxy. */
export interface FaultProxyOptions {
  readonly toServer?: LaneSettings;
  readonly toClient?: LaneSettings;
  /** Bytes that each direction of a connection holds before it stops reading; default 1 MiB. */
  readonly laneBytes?: number;
  /** Numbers in [0, 1) for random pieces; default Math.random. */
  readonly random?: () => number;
}

/** One connection of a client through the proxy. */
export class ProxiedConnection {
  readonly toServer: Lane;
  readonly toClient: Lane;
  private readonly client: Socket;
  private readonly server: Socket;
  private readonly onClosed: () => void;
  private open: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(client: Socket, server: Socket, options: FaultProxyOptions, onClosed: () => void) {
    const { laneBytes = LANE_BYTES, random = Math.random } = options;
    const { toServer = {}, toClient = {} } = options;
    this.toServer = new Lane(client, server, toServer, true, laneBytes, random);
    this.toClient = new Lane(server, client, toClient, false, laneBytes, random);
    this.client = client;
    this.server = server;
    this.onClosed = onClosed;
    this.open = 2;
    this.timer = undefined;
    client.on('error', () => this.lost(this.toServer, server));
    server.on('error', () => this.lost(this.toClient, client));
    client.on('close', () => this.closed());
    server.on('close', () => this.closed());
  }

  /** RST to both sides. */
  reset(): void {
    this.stop();
    reset(this.client);
    reset(this.server);
  }

  /**
   * Nothing passes any more; RST to both sides once what has left had time to be read: libuv takes a
   * reset that finds bytes unread for an orderly end.
   */
  resetBehind(): void {
    this.toServer.hold();
    this.toClient.hold();
    this.timer = setTimeout(() => this.reset(), UNTIL_READ_MS);
  }

  /** Bytes of both directions vanish, and nobody hears of an end. */
  vanish(): void {
    this.toServer.vanish();
    this.toClient.vanish();
  }

  /** Neither side is read. */
  stopReading(): void {
    this.toServer.stopReading();
    this.toClient.stopReading();
  }

  resumeReading(): void {
    this.toServer.resumeReading();
    this.toClient.resumeReading();
  }

  /** `how` once frame `count` of that direction has passed; see `Lane.breakAtFrame`. */
  breakAtFrame(direction: Direction, count: number, how: FrameFault | (() => void)): void {
    const lane = this[direction];
    lane.breakAtFrame(count, typeof how === 'function' ? how : () => this.fault(lane, how));
  }

  /** Closes both sides without a word of the other. */
  destroy(): void {
    this.stop();
    this.client.destroy();
    this.server.destroy();
  }

  private fault(lane: Lane, how: FrameFault): void {
    switch (how) {
      case 'reset':
        this.resetBehind();
        return;
      case 'fin':
        lane.finish();
        return;
      case 'black-hole':
        this.vanish();
        return;
      case 'stop':
        return;
    }
  }

  /** The source of `lane` is gone with an error. */
  private lost(lane: Lane, other: Socket): void {
    if (!lane.isBlackHole) reset(other);
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.toServer.stop();
    this.toClient.stop();
  }

  private closed(): void {
    this.open -= 1;
    if (this.open > 0) return;
    this.stop();
    this.onClosed();
  }
}

function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}

/** Listens on 127.0.0.1 and carries each connection to `upstreamPort`. */
export class FaultProxy {
  /** Where connections that are yet to come go; a restarted server may be somewhere else. */
  upstreamPort: number;
  /** Settings of connections that are yet to come. */
  options: FaultProxyOptions;
  /** Told of each connection before any of its bytes: the place to set its faults. */
  onConnection: ((connection: ProxiedConnection) => void) | undefined;
  /** Connections that were ever taken. */
  taken: number;
  private readonly live: Set<ProxiedConnection>;
  private readonly server: Server;

  constructor(upstreamPort: number, options: FaultProxyOptions = {}) {
    this.upstreamPort = upstreamPort;
    this.options = options;
    this.onConnection = undefined;
    this.taken = 0;
    this.live = new Set();
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.carry(client),
    );
  }

  /** Resolves with the port; rejects with the system's error. */
  listen(host: string = '127.0.0.1'): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, host, () => {
        // A TCP server's address is an AddressInfo.
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  /** Those that are open now, the oldest first. */
  get connections(): readonly ProxiedConnection[] {
    return [...this.live];
  }

  /** Ends all connections and stops listening. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      for (const connection of this.live) connection.destroy();
    });
  }

  private carry(client: Socket): void {
    const server = dial({
      host: '127.0.0.1',
      port: this.upstreamPort,
      allowHalfOpen: true,
      noDelay: true,
    });
    const connection = new ProxiedConnection(client, server, this.options, () => {
      this.live.delete(connection);
    });
    this.live.add(connection);
    this.taken += 1;
    this.onConnection?.(connection);
  }
}
