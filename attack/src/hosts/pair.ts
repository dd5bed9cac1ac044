// A server and a client of checked traffic, each a process of its own, and what may be between them.
// Invariant: `end` leaves no process. Not here: what they carry (loads.ts), the hosts (hosts.ts).

import { Child } from '../child.ts';
import type { RuntimeName } from '../report.ts';
import type { Host } from './hosts.ts';
import type { LinkPlan, TrafficCommand } from './traffic.ts';

const PROCESS = 'hosts/traffic-process.js';
const LOOPBACK = '127.0.0.1';

/** Seconds that starting, connecting and telling take at most. */
const SOON_SECONDS = 20;

export interface PairPlan {
  readonly server: RuntimeName;
  readonly client: RuntimeName;
  /** Where each runs; both on loopback by default. */
  readonly hosts?: { readonly server: Host; readonly client: Host };
  /** Between them, on the server's host. */
  readonly link?: LinkPlan;
  /** Where the stream ids of the client's first connections begin. */
  readonly firstIds?: readonly number[];
}

export class Pair {
  /** `host:port` that the client connected to. */
  target: string;
  private readonly server: Child;
  private readonly client: Child;
  private readonly link: Child | undefined;

  private constructor(plan: PairPlan) {
    const { hosts, link } = plan;
    this.target = '';
    const onServer = hosts?.server.enter ?? [];
    this.server = new Child(PROCESS, [], onServer);
    this.client = new Child(PROCESS, [], hosts?.client.enter ?? []);
    this.link = link === undefined ? undefined : new Child(PROCESS, [], onServer);
  }

  /** Resolves when the client is connected; rejects, with no process left, when that fails. */
  static async start(plan: PairPlan): Promise<Pair> {
    const pair = new Pair(plan);
    try {
      await pair.open(plan);
    } catch (fault) {
      pair.end();
      throw fault;
    }
    return pair;
  }

  /** @param seconds of the load; it has as long again, and a minute, to end */
  askClient<Done>(command: TrafficCommand, seconds: number = 0): Promise<Done> {
    return this.client.ask(command, 2 * seconds + 60);
  }

  askServer<Done>(command: TrafficCommand): Promise<Done> {
    return this.server.ask(command, SOON_SECONDS);
  }

  end(): void {
    for (const child of [this.client, this.link, this.server]) child?.end();
  }

  private async open(plan: PairPlan): Promise<void> {
    const { hosts, link, firstIds = [] } = plan;
    const host = hosts?.server.address ?? LOOPBACK;
    const serve: TrafficCommand = {
      do: 'serve',
      runtime: plan.server,
      host: link ? LOOPBACK : host,
    };
    let { port } = await this.server.ask<{ port: number }>(serve, SOON_SECONDS);
    if (link !== undefined && this.link !== undefined) {
      const carry: TrafficCommand = { do: 'proxy', host, port, link };
      port = (await this.link.ask<{ port: number }>(carry, SOON_SECONDS)).port;
    }
    this.target = `${host}:${port}`;
    const { target } = this;
    const connect: TrafficCommand = { do: 'connect', runtime: plan.client, target, firstIds };
    await this.client.ask(connect, SOON_SECONDS);
  }
}
