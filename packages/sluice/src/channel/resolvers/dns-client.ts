// What a resolver asks of DNS, and the answers of this machine: getaddrinfo with the hosts file, or
// a server that the target names.
// Invariant: every question ends in a promise; nothing is cached here.
// Not here: when to ask and what to make of answers (dns.ts).

import dns from 'node:dns';

/** Answers questions to DNS; a rejection carries an Error, with a `code` such as `ENOTFOUND`. */
export interface DnsClient {
  /** Addresses as the operating system finds them, hosts file included, in its order. */
  lookup(host: string): Promise<readonly string[]>;
  /** A records. */
  resolve4(host: string): Promise<readonly string[]>;
  /** AAAA records. */
  resolve6(host: string): Promise<readonly string[]>;
  /** TXT records, each a list of strings of up to 255 bytes that belong together. */
  resolveTxt(name: string): Promise<readonly (readonly string[])[]>;
  /** Questions under way may be given up; they must not hold the process. */
  cancel(): void;
}

/**
 * The client of this process.
 * @param server `address` or `address:port` of a DNS server; undefined for those of the system
 */
export function systemDnsClient(server: string | undefined): DnsClient {
  // Made with the first question: most targets ask getaddrinfo alone.
  let made: dns.promises.Resolver | undefined;
  const resolver = (): dns.promises.Resolver => {
    if (made === undefined) {
      made = new dns.promises.Resolver();
      if (server !== undefined) made.setServers([server]);
    }
    return made;
  };
  return {
    async lookup(host): Promise<readonly string[]> {
      const found = await dns.promises.lookup(host, { all: true });
      return found.map(({ address }) => address);
    },
    resolve4: (host) => resolver().resolve4(host),
    resolve6: (host) => resolver().resolve6(host),
    resolveTxt: (name) => resolver().resolveTxt(name),
    cancel: () => made?.cancel(),
  };
}

/** All addresses of a name by A and AAAA records of one server, IPv6 first as in RFC 8305 §4. */
export async function resolveBoth(client: DnsClient, host: string): Promise<readonly string[]> {
  const [six, four] = await Promise.allSettled([client.resolve6(host), client.resolve4(host)]);
  const found: string[] = [];
  if (six.status === 'fulfilled') found.push(...six.value);
  if (four.status === 'fulfilled') found.push(...four.value);
  if (found.length > 0) return found;
  // Neither: a name without one family is common, so the answer about IPv4 says more.
  if (four.status === 'rejected') throw four.reason;
  if (six.status === 'rejected') throw six.reason;
  return found;
}

/** Whether an error says that there is nothing, rather than that nobody answered. */
export function isNoData(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ENOTFOUND' || error.code === 'ENODATA';
}
