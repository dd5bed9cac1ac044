// The resolver of `dns:` targets, the default scheme: addresses, and a service config where it is
// asked for; behind a proxy, the proxy.
// Invariants: one question at a time; after an answer none for 30 s, after a failure none until its
// backoff is over, and then by itself; an IP address is reported at once and never again.
// gRPC naming.md, gRFC A1, A2, A10. Not here: DNS itself (dns-client.ts).

import os from 'node:os';
import { ipFamily } from '../../transport/ip-address.ts';
import type { TimerWheel, WheelTimer } from '../../transport/timer-wheel.ts';
import { Backoff } from '../backoff.ts';
import { type HostPort, hostPortText, parseHostPort, targetNotUnderstood } from '../host-port.ts';
import { type Environment, proxiedEndpoint, proxyFor } from '../proxy.ts';
import type {
  BackendAddress,
  Resolver,
  ResolverContext,
  ResolverFactory,
  ResolverListener,
  TargetUri,
} from '../resolver.ts';
import type { ServiceConfig } from '../service-config.ts';
import { type DnsClient, isNoData, resolveBoth, systemDnsClient } from './dns-client.ts';
import { FixedResolver } from './fixed.ts';
import { interleaveFamilies } from './interleave.ts';
import { RECORD_PREFIX, selectServiceConfig } from './service-config-record.ts';

/**
 * Milliseconds from one answer to the next question. Balancers ask again with every connection that
 * fails; a DNS server must not hear of each. The figure is that of other gRPC implementations.
 */
export const MIN_RESOLUTION_INTERVAL_MS = 30_000;

/** What the factory of `dns` stands on; each part has a default. */
export interface DnsSources {
  /** @param server of the target's authority, `address` or `address:port` */
  readonly client?: (server: string | undefined) => DnsClient;
  readonly environment?: Environment;
  /** Of this machine, for service configs meant for some machines only. */
  readonly hostname?: string;
}

/** Makes the factory of `dns:` targets. */
export function dnsResolverFactory(sources: DnsSources = {}): ResolverFactory {
  const clientOf = sources.client ?? systemDnsClient;
  const environment = sources.environment ?? process.env;
  return {
    scheme: 'dns',
    authority(target): string {
      dnsServerOf(target);
      return hostPortText(backendOf(target));
    },
    create(target, listener, context): Resolver {
      const backend = backendOf(target);
      let proxy: ReturnType<typeof proxyFor>;
      try {
        proxy = proxyFor(backend, context.proxy, environment);
      } catch (error) {
        return new FailedResolver(messageOf(error), listener);
      }
      if (proxy !== undefined) {
        return new FixedResolver([{ endpoint: proxiedEndpoint(backend, proxy) }], listener);
      }
      if (ipFamily(backend.host) !== 0) {
        return new FixedResolver([{ endpoint: { kind: 'tcp', ...backend } }], listener);
      }
      const server = dnsServerOf(target);
      const hostname = sources.hostname ?? os.hostname();
      return new DnsResolver({ backend, server, hostname }, clientOf(server), listener, context);
    },
  };
}

/** The factory that `dns:` targets have unless another is registered. */
export const dnsResolver: ResolverFactory = /* @__PURE__ */ dnsResolverFactory();

function backendOf({ path, text }: TargetUri): HostPort {
  // An IPv6 address alone has no port, so that its colons are clear.
  const backend = parseHostPort(path);
  if (backend === undefined) throw targetNotUnderstood(text);
  return backend;
}

// Node takes DNS servers by address only.
function dnsServerOf({ authority, text }: TargetUri): string | undefined {
  if (authority === '') return undefined;
  const server = parseHostPort(ipFamily(authority) === 6 ? `[${authority}]` : authority, 53);
  if (server === undefined || ipFamily(server.host) === 0) {
    throw new TypeError(
      `target ${JSON.stringify(text)} names the DNS server ${JSON.stringify(authority)}; name it by its address, as in "dns://8.8.8.8/host:port", or use "dns:///host:port" for the system's`,
    );
  }
  return hostPortText(server);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What is resolved. */
interface Question {
  readonly backend: HostPort;
  readonly server: string | undefined;
  readonly hostname: string;
}

/** Says the same each time: what is wrong is not DNS. */
class FailedResolver implements Resolver {
  private readonly details: string;
  private readonly listener: ResolverListener;
  private closed: boolean;

  constructor(details: string, listener: ResolverListener) {
    this.details = details;
    this.listener = listener;
    this.closed = false;
  }

  resolve(): void {
    if (!this.closed) this.listener.onError(this.details);
  }

  close(): void {
    this.closed = true;
  }
}

/**
 * Resolves one name. The timer runs while a resolution is due later: after a failure, or because
 * one was asked for within the interval.
 */
class DnsResolver implements Resolver, WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly question: Question;
  private readonly client: DnsClient;
  private readonly listener: ResolverListener;
  private readonly wheel: TimerWheel;
  private readonly looksUpConfig: boolean;
  private readonly percentage: number;
  private readonly backoff: Backoff;
  private state: 'idle' | 'asking' | 'waiting' | 'closed';
  /** When the next question may be asked, milliseconds on the wheel's clock. */
  private notBeforeMs: number;

  constructor(
    question: Question,
    client: DnsClient,
    listener: ResolverListener,
    context: ResolverContext,
  ) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.question = question;
    this.client = client;
    this.listener = listener;
    this.wheel = context.wheel;
    // gRFC A10: names that mean this machine have no record.
    this.looksUpConfig = context.lookUpServiceConfig && question.backend.host !== 'localhost';
    this.percentage = context.random() * 100;
    this.backoff = new Backoff({}, context.random);
    this.state = 'idle';
    this.notBeforeMs = Number.NEGATIVE_INFINITY;
  }

  resolve(): void {
    if (this.state !== 'idle') return;
    if (this.wheel.now() < this.notBeforeMs) this.wait();
    else this.ask();
  }

  close(): void {
    this.state = 'closed';
    this.wheel.remove(this);
    this.client.cancel();
  }

  /** The interval or the backoff is over. */
  onTimer(): void {
    if (this.state === 'waiting') this.ask();
  }

  private wait(): void {
    this.state = 'waiting';
    this.wheel.add(this, this.notBeforeMs);
  }

  private ask(): void {
    this.state = 'asking';
    Promise.all([this.askAddresses(), this.askConfig()]).then(
      ([addresses, serviceConfig]) => this.onAnswer(addresses, serviceConfig),
      (error: unknown) => this.onFailure(messageOf(error)),
    );
  }

  private async askAddresses(): Promise<readonly string[]> {
    const { backend, server } = this.question;
    const { client } = this;
    const found =
      server === undefined
        ? await client.lookup(backend.host)
        : await resolveBoth(client, backend.host);
    if (found.length === 0) throw new Error('no addresses');
    return found;
  }

  // Never rejects: addresses are of use without a config.
  private async askConfig(): Promise<ServiceConfig | string | undefined> {
    if (!this.looksUpConfig) return undefined;
    const name = RECORD_PREFIX + this.question.backend.host;
    let records: readonly (readonly string[])[];
    try {
      records = await this.client.resolveTxt(name);
    } catch (error) {
      return isNoData(error) ? undefined : `cannot look up TXT of ${name}: ${messageOf(error)}`;
    }
    try {
      const { hostname } = this.question;
      return selectServiceConfig(records, { hostname, percentage: this.percentage });
    } catch (error) {
      return `TXT of ${name} is not valid: ${messageOf(error)}`;
    }
  }

  private onAnswer(
    found: readonly string[],
    serviceConfig: ServiceConfig | string | undefined,
  ): void {
    if (this.state === 'closed') return;
    const { port } = this.question.backend;
    const addresses = interleaveFamilies(found).map(
      (host): BackendAddress => ({ endpoint: { kind: 'tcp', host, port } }),
    );
    this.state = 'idle';
    this.backoff.reset();
    this.notBeforeMs = this.wheel.now() + MIN_RESOLUTION_INTERVAL_MS;
    this.listener.onResolution({ addresses, serviceConfig });
  }

  private onFailure(why: string): void {
    if (this.state === 'closed') return;
    const { backend, server } = this.question;
    const by = server === undefined ? '' : ` by the DNS server ${server}`;
    this.notBeforeMs = this.wheel.now() + this.backoff.next();
    this.wait();
    this.listener.onError(`cannot resolve ${backend.host}${by}: ${why}`);
  }
}
