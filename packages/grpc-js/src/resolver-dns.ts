// The resolver of `dns:` targets for programs: addresses of a name, and a service config where it is
// asked for.
// Invariants: one question at a time; after an answer none for 30 s, after a failure none until the
// backoff is over, and then by itself; nothing is reported after `destroy`.
// gRPC naming.md, gRFC A2. Not here: that of channels, which is Sluice's.

import { Resolver as DnsClient, lookup, resolveTxt } from 'node:dns/promises';
import { isIP } from 'node:net';
import { BackoffTimeout } from './backoff-timeout.ts';
import { type StatusOr, statusOrFromError, statusOrFromValue } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import { Status } from './constants.ts';
import { getErrorMessage } from './error.ts';
import type { Resolver, ResolverListener } from './resolver.ts';
import { extractAndSelectServiceConfig, type ServiceConfig } from './service-config.ts';
import type { Endpoint } from './subchannel-address.ts';
import { type GrpcUri, splitHostPort, uriToString } from './uri-parser.ts';

/** Where the target names none. */
export const DEFAULT_PORT = 443;

const DEFAULT_MIN_TIME_BETWEEN_RESOLUTIONS_MS = 30_000;

interface Answer {
  readonly addresses: StatusOr<Endpoint[]>;
  readonly serviceConfig: StatusOr<ServiceConfig> | null;
}

export class DnsResolver implements Resolver {
  private readonly target: GrpcUri;
  private readonly listener: ResolverListener;
  private readonly host: string | null;
  private readonly port: number;
  private readonly client: DnsClient | null;
  private readonly looksUpConfig: boolean;
  private readonly percentage: number;
  private readonly minTimeBetweenResolutionsMs: number;
  private readonly backoff: BackoffTimeout;
  /** Each is a resolution; what an earlier one finds is dropped. */
  private generation: number;
  private isPending: boolean;
  /** Somebody asked within the interval. */
  private continueResolving: boolean;
  private nextResolutionTimer: NodeJS.Timeout | undefined;

  constructor(target: GrpcUri, listener: ResolverListener, channelOptions: ChannelOptions) {
    const hostPort = splitHostPort(target.path);
    this.target = target;
    this.listener = listener;
    this.host = hostPort?.host ?? null;
    this.port = hostPort?.port ?? DEFAULT_PORT;
    this.client = clientOf(target.authority);
    // gRFC A10: names that mean this machine have no record.
    this.looksUpConfig =
      channelOptions['grpc.service_config_disable_resolution'] !== 1 && this.host !== 'localhost';
    this.percentage = Math.random() * 100;
    this.minTimeBetweenResolutionsMs =
      channelOptions['grpc.dns_min_time_between_resolutions_ms'] ??
      DEFAULT_MIN_TIME_BETWEEN_RESOLUTIONS_MS;
    const initialDelay = channelOptions['grpc.initial_reconnect_backoff_ms'];
    const maxDelay = channelOptions['grpc.max_reconnect_backoff_ms'];
    this.backoff = new BackoffTimeout(
      () => {
        if (this.continueResolving) this.ask();
      },
      {
        ...(initialDelay === undefined ? {} : { initialDelay }),
        ...(maxDelay === undefined ? {} : { maxDelay }),
      },
    );
    this.backoff.unref();
    this.generation = 0;
    this.isPending = false;
    this.continueResolving = false;
    this.nextResolutionTimer = undefined;
  }

  static getDefaultAuthority(target: GrpcUri): string {
    return target.path;
  }

  updateResolution(): void {
    if (this.isPending) return;
    if (this.nextResolutionTimer !== undefined || this.backoff.isRunning()) {
      this.continueResolving = true;
      return;
    }
    this.ask();
  }

  destroy(): void {
    this.generation += 1;
    this.isPending = false;
    this.continueResolving = false;
    this.backoff.stop();
    this.backoff.reset();
    clearTimeout(this.nextResolutionTimer);
    this.nextResolutionTimer = undefined;
  }

  private ask(): void {
    this.continueResolving = false;
    this.isPending = true;
    this.generation += 1;
    const { generation } = this;
    void this.answer().then((answer) => {
      if (generation === this.generation) this.onAnswer(answer);
    });
  }

  private onAnswer({ addresses, serviceConfig }: Answer): void {
    this.isPending = false;
    const isAccepted = this.listener(addresses, {}, serviceConfig, '');
    if (addresses.ok && isAccepted) {
      this.backoff.stop();
      this.backoff.reset();
      this.waitBeforeNext();
    } else if (this.host !== null) {
      this.continueResolving = true;
      this.backoff.runOnce();
    }
  }

  private waitBeforeNext(): void {
    this.nextResolutionTimer = setTimeout(() => {
      this.nextResolutionTimer = undefined;
      if (this.continueResolving) this.ask();
    }, this.minTimeBetweenResolutionsMs);
    this.nextResolutionTimer.unref();
  }

  // Never rejects.
  private async answer(): Promise<Answer> {
    const { host, port } = this;
    if (host === null) {
      const details = `Failed to parse DNS address ${uriToString(this.target)}`;
      return { addresses: unavailable(details), serviceConfig: null };
    }
    if (isIP(host) !== 0) {
      return {
        addresses: statusOrFromValue([{ addresses: [{ host, port }] }]),
        serviceConfig: null,
      };
    }
    const [addresses, serviceConfig] = await Promise.all([
      this.askAddresses(host),
      this.askConfig(host),
    ]);
    return { addresses, serviceConfig };
  }

  private async askAddresses(host: string): Promise<StatusOr<Endpoint[]>> {
    try {
      const found = this.client === null ? await hostsOf(host) : await resolved(this.client, host);
      if (found.length > 0) {
        return statusOrFromValue(
          found.map((address) => ({ addresses: [{ host: address, port: this.port }] })),
        );
      }
    } catch {
      // Of the same words as no address at all.
    }
    return unavailable(`Name resolution failed for target ${uriToString(this.target)}`);
  }

  private async askConfig(host: string): Promise<StatusOr<ServiceConfig> | null> {
    if (!this.looksUpConfig) return null;
    let records: string[][];
    try {
      records = await (this.client === null ? resolveTxt(host) : this.client.resolveTxt(host));
    } catch {
      // Most names have none.
      return null;
    }
    try {
      const config = extractAndSelectServiceConfig(records, this.percentage);
      return config === null ? null : statusOrFromValue(config);
    } catch (error) {
      const details = `Parsing service config failed with error ${getErrorMessage(error)}`;
      return statusOrFromError({ code: Status.UNAVAILABLE, details });
    }
  }
}

function unavailable(details: string): StatusOr<Endpoint[]> {
  return statusOrFromError({ code: Status.UNAVAILABLE, details });
}

async function hostsOf(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

async function resolved(client: DnsClient, host: string): Promise<string[]> {
  const [four, six] = await Promise.allSettled([client.resolve4(host), client.resolve6(host)]);
  if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
  return [four, six].flatMap((found) => (found.status === 'fulfilled' ? found.value : []));
}

/** Null for the system's. */
function clientOf(server: string | undefined): DnsClient | null {
  if (!server) return null;
  const client = new DnsClient();
  client.setServers([server]);
  return client;
}

/** The registry knows it from the beginning. */
export function setup(): void {}
