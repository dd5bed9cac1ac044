// A network in memory in place of node:net: listeners and sockets by address, with chunks, delays,
// silence, refusals and losses as a test decides. Bytes may be changed on their way.
// Not here: time and turns (simulated-platform.ts).

import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';

/** Changes what one end writes: the chunks to be sent in its place. */
export type Meddle = (chunk: Buffer) => readonly Buffer[];

/** How the two directions of a connection behave. */
export interface WireOptions {
  /** Length of the next chunk handed to a reader, bytes. */
  readonly chunkLength: () => number;
  /** Bytes a direction holds for a reader that does not read. */
  readonly capacity: number;
  readonly toServer?: Meddle | undefined;
  readonly toClient?: Meddle | undefined;
}

/** What node reads at once into the buffer that a socket was given. */
const MAX_CHUNK = 65_536;

class Pipe {
  /** Nothing is handed on while true. */
  held = false;
  private readonly options: WireOptions;
  private readonly meddle: Meddle | undefined;
  private chunks: Buffer[] = [];
  private length = 0;
  private ended = false;
  private writing: { chunk: Buffer; done: () => void } | undefined = undefined;
  private wanted = false;
  private readonly reader: Duplex;

  constructor(reader: Duplex, options: WireOptions, meddle: Meddle | undefined) {
    this.reader = reader;
    this.options = options;
    this.meddle = meddle;
  }

  write(chunk: Buffer, done: () => void): void {
    // A copy, as a kernel makes: the writer uses its buffer again.
    const copy = Buffer.from(chunk);
    this.writing = { chunk: this.meddle === undefined ? copy : joined(this.meddle(copy)), done };
    this.fill();
    // Never from inside the write: a kernel stands between two ends.
    process.nextTick(() => this.drain());
  }

  end(): void {
    this.ended = true;
    process.nextTick(() => this.drain());
  }

  /** What is under way is lost. */
  clear(): void {
    this.chunks = [];
    this.length = 0;
  }

  read(): void {
    this.wanted = true;
    this.drain();
  }

  release(): void {
    this.held = false;
    this.drain();
  }

  private fill(): void {
    const { writing } = this;
    if (writing === undefined) return;
    const room = Math.min(this.options.capacity - this.length, writing.chunk.length);
    if (room > 0) {
      this.chunks.push(writing.chunk.subarray(0, room));
      this.length += room;
      writing.chunk = writing.chunk.subarray(room);
    }
    if (writing.chunk.length > 0) return;
    this.writing = undefined;
    writing.done();
  }

  private drain(): void {
    this.fill();
    while (this.wanted && !this.held && this.length > 0) {
      const length = Math.min(this.length, MAX_CHUNK, Math.max(1, this.options.chunkLength()));
      this.wanted = this.reader.push(this.take(length));
      this.fill();
    }
    const isOver = this.ended && this.length === 0 && this.writing === undefined;
    if (!isOver || !this.wanted || this.held) return;
    this.wanted = false;
    this.reader.push(null);
  }

  private take(length: number): Buffer {
    this.length -= length;
    const [first] = this.chunks;
    if (first !== undefined && first.length > length) {
      this.chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const all = joined(this.chunks);
    const rest = all.subarray(length);
    this.chunks = rest.length === 0 ? [] : [rest];
    return all.subarray(0, length);
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

/** What `net.connect` is given, as far as it matters here. */
export interface ConnectOptions {
  readonly host?: string;
  readonly port?: number;
  /** Of a unix socket. */
  readonly path?: string;
  readonly onread?: {
    readonly buffer: Uint8Array;
    callback(bytes: number, buffer: Uint8Array): boolean;
  };
}

/** One end of a connection, or of one that is yet to be made. */
export class SimulatedSocket extends Duplex {
  private incoming: Pipe | undefined = undefined;
  private outgoing: Pipe | undefined = undefined;

  constructor() {
    super({ allowHalfOpen: false, readableHighWaterMark: 1 });
  }

  join(incoming: Pipe, outgoing: Pipe): void {
    this.incoming = incoming;
    this.outgoing = outgoing;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Reads as node:net does for a socket that was given a buffer: every chunk lands in it. */
  readInto(onread: NonNullable<ConnectOptions['onread']>): void {
    this.on('data', (chunk: Buffer) => {
      onread.buffer.set(chunk);
      if (!onread.callback(chunk.length, onread.buffer)) this.pause();
    });
  }

  override _read(): void {
    this.incoming?.read();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.outgoing?.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.outgoing?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.outgoing?.end();
    done(error);
  }
}

/** A connection that was made. */
export class Wire {
  readonly address: string;
  readonly client: SimulatedSocket;
  readonly server: SimulatedSocket = new SimulatedSocket();
  readonly toServer: Pipe;
  readonly toClient: Pipe;

  constructor(address: string, client: SimulatedSocket, options: WireOptions) {
    this.address = address;
    this.client = client;
    this.toServer = new Pipe(this.server, options, options.toServer);
    this.toClient = new Pipe(client, options, options.toClient);
    client.join(this.toClient, this.toServer);
    this.server.join(this.toServer, this.toClient);
  }

  get closed(): boolean {
    return this.client.destroyed && this.server.destroyed;
  }

  /** The connection is reset: both ends hear of it, and what was under way is lost. */
  reset(): void {
    this.toServer.clear();
    this.toClient.clear();
    for (const end of [this.client, this.server]) {
      if (!end.destroyed) end.destroy(new Error('read ECONNRESET'));
    }
  }

  release(): void {
    this.toServer.release();
    this.toClient.release();
  }
}

function addressOf({ host, path, port }: ConnectOptions): string {
  return path ?? `${host}:${port}`;
}

/** Stands for a `net.Server`. */
export class SimulatedListener extends EventEmitter {
  readonly onSocket: (socket: SimulatedSocket) => void;
  private readonly network: SimulatedNetwork;
  private where: ConnectOptions = {};

  constructor(network: SimulatedNetwork, onSocket: (socket: SimulatedSocket) => void) {
    super();
    this.network = network;
    this.onSocket = onSocket;
  }

  listen(where: ConnectOptions, onListening: () => void): void {
    this.where = where;
    const { listeners } = this.network;
    if (listeners.has(this.key)) {
      queueMicrotask(() => this.emit('error', new Error(`listen EADDRINUSE ${this.key}`)));
      return;
    }
    listeners.set(this.key, this);
    queueMicrotask(onListening);
  }

  private get key(): string {
    return addressOf(this.where);
  }

  address(): { address: string; port: number } | string {
    const { host = '', path, port = 0 } = this.where;
    return path ?? { address: host, port };
  }

  close(): void {
    const { listeners } = this.network;
    if (listeners.get(this.key) === this) listeners.delete(this.key);
  }
}

/** Listeners by `host:port`, and the connections between them and their clients. */
export class SimulatedNetwork {
  readonly listeners: Map<string, SimulatedListener> = new Map();
  readonly wires: Wire[] = [];
  /** Addresses that answer nothing at all. */
  readonly silent: Set<string> = new Set();
  private readonly later: (callback: () => void) => void;
  private readonly wireOptions: (address: string) => WireOptions;

  /**
   * @param later runs a callback after the time that a connection takes to be made
   * @param wireOptions of the next connection to an address
   */
  constructor(
    later: (callback: () => void) => void,
    wireOptions: (address: string) => WireOptions,
  ) {
    this.later = later;
    this.wireOptions = wireOptions;
  }

  connect(options: ConnectOptions): SimulatedSocket {
    const socket = new SimulatedSocket();
    const address = addressOf(options);
    this.later(() => {
      if (socket.destroyed || this.silent.has(address)) return;
      const listener = this.listeners.get(address);
      if (listener === undefined) {
        socket.destroy(new Error(`connect ECONNREFUSED ${address}`));
        return;
      }
      const wire = new Wire(address, socket, this.wireOptions(address));
      this.wires.push(wire);
      if (options.onread !== undefined) socket.readInto(options.onread);
      socket.emit('connect');
      listener.onSocket(wire.server);
    });
    return socket;
  }
}
