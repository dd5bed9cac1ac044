// The places of a run and what happens to them: servers that come and go, channels, connections that
// stall and break, peers that speak nonsense.
// Not here: settings (settings.ts), what is done to bytes (wire-faults.ts).

import { connect } from '#sluice/channel/channel.js';
import type { BackendAddress } from '#sluice/channel/resolver.js';
import { createServer, type Server } from '#sluice/server/server.js';
import { type Endpoint, endpointText } from '#sluice/transport/connector.js';
import {
  type Meddle,
  SimulatedListener,
  SimulatedSocket,
  type WireOptions,
} from '../support/simulated-network.js';
import type { Conversation } from './conversation.js';
import { Handlers } from './handlers.js';
import { channelOptions, serverOptions } from './settings.js';
import { frameFaults, madPeer } from './wire-faults.js';

/** A server's place: one after another may listen there. */
interface Backend {
  readonly endpoint: Endpoint;
  readonly isMad: boolean;
  server: Server | undefined;
}

/** How the network of a run is. */
export interface SceneryOptions {
  /** How often a frame is meddled with, where any is. */
  readonly faultRate: number;
  /** One of the servers speaks nonsense. */
  readonly isMad: boolean;
  /** Bytes. */
  readonly mostChunk: number;
  /** Bytes on their way in one direction. */
  readonly capacity: number;
}

export class Scenery {
  private readonly world: Conversation;
  private readonly options: SceneryOptions;
  private readonly backends: Backend[] = [];
  private readonly handlers: Handlers;

  constructor(world: Conversation, options: SceneryOptions) {
    this.world = world;
    this.options = options;
    this.handlers = new Handlers(world);
    const count = world.dice.pick(1, 1, 2, 3);
    for (let i = 0; i < count; i += 1) {
      const endpoint: Endpoint =
        i === 2
          ? { kind: 'unix', path: '/model.sock' }
          : { kind: 'tcp', host: '10.0.0.1', port: i + 1 };
      this.backends.push({ endpoint, isMad: options.isMad && i === 0, server: undefined });
    }
  }

  /** As it is at the start. */
  open(): void {
    const { dice } = this.world;
    for (const backend of this.backends) if (dice.chance(0.9)) this.startServer(backend);
    this.openChannel();
    if (dice.chance(0.3)) this.openChannel();
  }

  closeServers(): void {
    for (const { server } of this.backends) {
      if (server !== undefined) this.watchPending('the close of a server', server.close());
    }
  }

  addresses(isEmpty: boolean): BackendAddress[] {
    if (isEmpty && !this.world.isEnding) return [];
    const { dice } = this.world;
    const some = this.backends.filter(() => dice.chance(0.8));
    return (some.length === 0 ? this.backends : some).map(({ endpoint }) => ({ endpoint }));
  }

  wireOptions(): WireOptions {
    const { dice } = this.world;
    const { capacity, faultRate, mostChunk } = this.options;
    let toServer: Meddle | undefined;
    let toClient: Meddle | undefined;
    if (faultRate > 0) {
      if (dice.chance(0.7)) toServer = frameFaults(dice, faultRate, false);
      if (dice.chance(0.7)) toClient = frameFaults(dice, faultRate, true);
    }
    return { capacity, chunkLength: () => dice.size(mostChunk), toServer, toClient };
  }

  openChannel(): void {
    const { dice } = this.world;
    const hosts = this.backends.map(({ endpoint }) => endpointText(endpoint));
    const unix = hosts.find((host) => host.startsWith('unix:'));
    const list = hosts.filter((host) => host !== unix).join(',');
    const target = dice.pick(`ipv4:${list}`, 'model:x', 'model:x', unix ?? 'model:y');
    this.world.note(`a channel to ${target}`);
    this.world.channels.push(connect(target, channelOptions(this.world, target)));
  }

  closeChannel(): void {
    const at = this.world.dice.int(this.world.channels.length);
    const [channel] = this.world.channels.splice(at, 1);
    if (channel === undefined) return;
    this.world.note('a channel closes');
    this.world.leftovers.closed(channel);
    this.watchPending('the close of a channel', channel.close());
    if (this.world.dice.chance(0.3)) this.watchPending('the close of a channel', channel.close());
  }

  private watchPending(what: string, promise: Promise<unknown>): void {
    this.world.pending.set(promise, what);
    promise.then(
      () => this.world.pending.delete(promise),
      (error: unknown) => this.world.complain(`${what} failed: ${String(error)}`),
    );
  }

  private startServer(backend: Backend): void {
    const { dice } = this.world;
    const { endpoint } = backend;
    if (backend.isMad) {
      if (this.world.madListeners > 0) return;
      const { network } = this.world.platform;
      const listener = new SimulatedListener(network, (socket) => madPeer(socket, dice, true));
      listener.listen(endpoint, () => {});
      this.world.madListeners = 1;
      return;
    }
    const server = createServer(serverOptions(this.world));
    this.handlers.addTo(server);
    this.world.servers.push(server);
    backend.server = server;
    this.world.note(`a server at ${endpointText(endpoint)}`);
    const { kind: _, ...target } = endpoint;
    server.listen(target).catch((error: unknown) => {
      // Its predecessor is still there, or it was closed in the meantime.
      this.world.note(`listen: ${String(error)}`);
    });
  }

  stopServer(graceful: boolean): void {
    const backend = this.world.dice.among(this.backends);
    const server = backend?.server;
    if (backend === undefined || server === undefined) return;
    backend.server = undefined;
    this.world.note(
      `the server at ${endpointText(backend.endpoint)} ${graceful ? 'drains' : 'closes'}`,
    );
    if (graceful) {
      const graceMs = this.world.dice.pick(0, 100, 5_000);
      this.watchPending('the drain of a server', server.drain(graceMs));
    }
    if (!graceful || this.world.dice.chance(0.2))
      this.watchPending('the close of a server', server.close());
  }

  hold(): void {
    const wire = this.world.dice.among(this.world.platform.network.wires);
    if (wire === undefined) return;
    if (this.world.dice.chance(0.6)) wire.toServer.held = true;
    if (this.world.dice.chance(0.6)) wire.toClient.held = true;
  }

  breakWire(): void {
    const { dice } = this.world;
    const wire = dice.among(this.world.platform.network.wires);
    if (wire === undefined) return;
    this.world.note('a connection breaks');
    if (dice.chance(0.4)) wire.reset();
    else dice.pick(wire.client, wire.server).destroy();
  }

  restartServers(): void {
    for (const backend of this.backends)
      if (backend.server === undefined) this.startServer(backend);
  }

  moreChannels(): void {
    if (this.world.channels.length < 3) this.openChannel();
  }

  silence(): void {
    const { silent } = this.world.platform.network;
    const backend = this.world.dice.among(this.backends);
    if (backend === undefined) return;
    const address = endpointText(backend.endpoint).replace('unix:', '');
    if (!silent.delete(address)) silent.add(address);
  }

  madClient(): void {
    const backend = this.world.dice.among(this.backends);
    if (backend === undefined || this.world.isClean) return;
    const socket = this.world.platform.network.connect(backend.endpoint);
    if (socket instanceof SimulatedSocket) {
      socket.on('error', () => {});
      socket.once('connect', () => madPeer(socket, this.world.dice, false));
    }
  }
}
