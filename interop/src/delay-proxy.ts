// A TCP link with a rate and a delay: what comes in leaves at the rate, and arrives after the delay.
// Invariants: bytes keep their order and are never lost; what a direction holds is bounded by the
// bytes on their way plus QUEUE_MS of waiting, past which the source is not read, so that TCP's own
// backpressure reaches the sender. It stands in for netem, which not every kernel has.
// Not here: loss, jitter.

import net from 'node:net';
import type { DeliverySample } from './line-process.ts';

/** What the link is like. */
export interface LinkOptions {
  /** Milliseconds from one end to the other. */
  readonly oneWayMs: number;
  /** Bits per second, each direction. */
  readonly bitsPerSecond: number;
}

/** Milliseconds of bytes that may wait for their turn on the link: the router's buffer. */
const QUEUE_MS = 20;

/** Bytes that travel together: at 100 Mbit/s, 1.3 ms. */
const SEGMENT = 16_384;

/** Milliseconds between two readings of what was delivered. */
const SAMPLE_MS = 10;

interface Segment {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** One direction of one connection. */
class Lane {
  delivered: number;
  private readonly from: net.Socket;
  private readonly to: net.Socket;
  private readonly delayMs: number;
  private readonly bytesPerMs: number;
  private readonly segments: Segment[];
  private next: number;
  private freeAtMs: number;
  private blocked: boolean;
  private ended: boolean;
  private timer: NodeJS.Timeout | undefined;

  constructor(from: net.Socket, to: net.Socket, link: LinkOptions) {
    this.delivered = 0;
    this.from = from;
    this.to = to;
    this.delayMs = link.oneWayMs;
    this.bytesPerMs = link.bitsPerSecond / 8_000;
    this.segments = [];
    this.next = 0;
    this.freeAtMs = 0;
    this.blocked = false;
    this.ended = false;
    this.timer = undefined;
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.on('end', () => {
      this.ended = true;
      this.pump();
    });
    to.on('drain', () => {
      this.blocked = false;
      this.pump();
    });
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private take(chunk: Buffer): void {
    const now = performance.now();
    for (let at = 0; at < chunk.length; at += SEGMENT) {
      const bytes = chunk.subarray(at, at + SEGMENT);
      this.freeAtMs = Math.max(now, this.freeAtMs) + bytes.length / this.bytesPerMs;
      this.segments.push({ bytes, dueMs: this.freeAtMs + this.delayMs });
    }
    if (this.freeAtMs - now > QUEUE_MS) this.from.pause();
    this.arm(now);
  }

  private arm(now: number): void {
    const first = this.segments[this.next];
    if (first === undefined || this.blocked || this.timer !== undefined) return;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.pump();
      },
      Math.max(0, first.dueMs - now),
    );
  }

  private pump(): void {
    const now = performance.now();
    let segment = this.segments[this.next];
    while (segment !== undefined && segment.dueMs <= now && !this.blocked) {
      this.next += 1;
      this.delivered += segment.bytes.length;
      this.blocked = !this.to.write(segment.bytes);
      segment = this.segments[this.next];
    }
    if (this.next > 64 || segment === undefined) {
      this.segments.splice(0, this.next);
      this.next = 0;
    }
    if (segment === undefined && this.ended) this.to.end();
    // While the far end does not read, nothing leaves the link and nothing more is taken in.
    if (this.freeAtMs - now <= QUEUE_MS && !this.blocked) this.from.resume();
    this.arm(now);
  }
}

/** What both directions of the link's latest connection have delivered, over time. */
export interface LinkReadings {
  readonly toServer: DeliverySample[];
  readonly toClient: DeliverySample[];
}

/** Listens on a free port of 127.0.0.1 and carries each connection to `port` over such a link. */
export class DelayProxy {
  private readonly server: net.Server;
  private readings: LinkReadings;

  constructor(port: number, link: LinkOptions) {
    this.readings = { toServer: [], toClient: [] };
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.carry(client, port, link),
    );
  }

  /** Resolves with the port. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', () => {
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  /** Readings of the latest connection; its clock starts with the connection. */
  get latest(): LinkReadings {
    return this.readings;
  }

  private carry(client: net.Socket, port: number, link: LinkOptions): void {
    const server = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    const up = new Lane(client, server, link);
    const down = new Lane(server, client, link);
    const readings: LinkReadings = { toServer: [], toClient: [] };
    this.readings = readings;
    const sampler = setInterval(() => {
      const atMs = Date.now();
      readings.toServer.push({ atMs, bytes: up.delivered });
      readings.toClient.push({ atMs, bytes: down.delivered });
    }, SAMPLE_MS);
    const over = (): void => {
      clearInterval(sampler);
      up.stop();
      down.stop();
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.on('error', over);
      socket.on('close', over);
    }
  }
}
