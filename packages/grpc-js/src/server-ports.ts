// The ports of a server: what was bound by which name, and how it is taken back.
// Invariants: a name is bound once; callbacks come later than the call they are of, once; a port that
// is given up while it is being bound, and not bound again meanwhile, listens no longer than that takes.
// Not here: what a name stands for (server-addresses.ts), the server itself (server.ts).

import type { ListenAddress } from 'sluice';
import { LogVerbosity } from './constants.ts';
import { getErrorMessage } from './error.ts';
import { log } from './logging.ts';
import { addressesOf, parsePort, portNumberOf } from './server-addresses.ts';
import type { ServerCredentials } from './server-credentials.ts';
import type { ServerEngine } from './server-engine.ts';
import { tlsOf } from './server-tls.ts';
import type { SubchannelAddress } from './subchannel-address.ts';
import { combineHostPort, type GrpcUri, splitHostPort, uriToString } from './uri-parser.ts';

export type BindCallback = (error: Error | null, port: number) => void;

/** What a port of a unix domain socket is called, which has no number. */
const UNIX_PORT = 1;

interface BoundPort {
  /** Its name; of port 0, with the number it came to. */
  key: string;
  readonly credentials: ServerCredentials;
  readonly engine: ServerEngine;
  readonly addresses: ListenAddress[];
  /** Undefined once it listens, or cannot. */
  binding: Promise<number> | undefined;
  number: number;
  /** Given up while it was being bound. */
  cancelled: boolean;
}

export class ServerPorts {
  private readonly bound: Map<string, BoundPort>;
  private readonly traced: boolean;
  private ended: boolean;

  /** @param traced whether TLS writes what it does to stderr */
  constructor(traced: boolean) {
    this.bound = new Map();
    this.traced = traced;
    this.ended = false;
  }

  /** @throws Error for a name that cannot be parsed */
  bind(
    port: string,
    credentials: ServerCredentials,
    engineOf: () => ServerEngine,
    callback: BindCallback,
  ): void {
    const uri = parsePort(port);
    const known = this.bound.get(uriToString(uri));
    if (known === undefined) {
      this.bindNew(uri, credentials, engineOf(), callback);
    } else if (!credentials._equals(known.credentials)) {
      const error = new Error(`${port} already bound with incompatible credentials`);
      process.nextTick(callback, error, 0);
    } else {
      known.cancelled = false;
      if (known.binding === undefined) process.nextTick(callback, null, known.number);
      else tell(known.binding, callback);
    }
  }

  private bindNew(
    uri: GrpcUri,
    credentials: ServerCredentials,
    engine: ServerEngine,
    callback: BindCallback,
  ): void {
    const bound: BoundPort = {
      key: uriToString(uri),
      credentials,
      engine,
      addresses: [],
      binding: undefined,
      number: 0,
      cancelled: false,
    };
    // A port 0 has a name once it has a number.
    const isNamed = portNumberOf(uri) !== 0;
    if (isNamed) this.bound.set(bound.key, bound);
    bound.binding = this.listen(uri, bound).then(
      (number) => {
        bound.binding = undefined;
        bound.number = number;
        if (bound.cancelled) {
          this.bound.delete(bound.key);
          close(bound);
          throw cancelled();
        }
        if (!isNamed) {
          const host = splitHostPort(uri.path)?.host ?? '';
          bound.key = uriToString({ ...uri, path: combineHostPort({ host, port: number }) });
          this.bound.set(bound.key, bound);
        }
        return number;
      },
      (error) => {
        bound.binding = undefined;
        this.bound.delete(bound.key);
        throw error;
      },
    );
    tell(bound.binding, callback);
  }

  // The first address that can be bound gives a port 0 its number; the others follow it.
  private async listen(uri: GrpcUri, bound: BoundPort): Promise<number> {
    const wanted = await addressesOf(uri);
    const tls = tlsOf(bound.credentials, this.traced);
    const errors: string[] = [];
    let number = 0;
    for (const address of wanted) {
      try {
        const listened = await bound.engine.server.listen({ ...at(address, number), tls });
        bound.addresses.push(listened);
        number = 'path' in address ? UNIX_PORT : listened.port;
      } catch (error) {
        // No other address helps against a number that is no port.
        if (error instanceof RangeError) throw error;
        errors.push(getErrorMessage(error));
      }
    }
    // What listened already ended with the server.
    if (this.ended) throw cancelled();
    const total = wanted.length;
    if (bound.addresses.length === 0) {
      const text = `No address added out of total ${total} resolved`;
      log(LogVerbosity.ERROR, text);
      throw new Error(`${text} errors: [${errors.join(',')}]`);
    }
    if (errors.length > 0) {
      log(
        LogVerbosity.INFO,
        `WARNING Only ${bound.addresses.length} addresses added out of total ${total} resolved`,
      );
    }
    return number;
  }

  /** @throws Error for a name that cannot be parsed, and for port 0 */
  unbind(port: string): void {
    const bound = this.find(port, 'unbind');
    if (bound === undefined) return;
    if (bound.binding !== undefined) {
      bound.cancelled = true;
      return;
    }
    this.bound.delete(bound.key);
    close(bound);
  }

  /** @throws Error for a name that cannot be parsed, and for port 0 */
  drain(port: string, graceMs: number): void {
    const bound = this.find(port, 'drain');
    if (bound === undefined) return;
    const { server } = bound.engine;
    for (const address of bound.addresses) server.drainFrom(address, graceOf(graceMs));
  }

  private find(port: string, verb: string): BoundPort | undefined {
    const uri = parsePort(port);
    if (portNumberOf(uri) === 0) throw new Error(`Cannot ${verb} port 0`);
    return this.bound.get(uriToString(uri));
  }

  /** Whether a port listens. */
  get isListening(): boolean {
    for (const { addresses, binding } of this.bound.values()) {
      if (binding === undefined && addresses.length > 0) return true;
    }
    return false;
  }

  /** The server ends: what is being bound is given up. */
  end(): void {
    this.ended = true;
    this.bound.clear();
  }
}

/** Programs without types may give no number: then there is no grace. */
export function graceOf(graceMs: number): number {
  return graceMs >= 0 ? Number(graceMs) : 0;
}

function at(address: SubchannelAddress, number: number): SubchannelAddress {
  return 'port' in address && address.port === 0 ? { host: address.host, port: number } : address;
}

// What came in there ends behind its open calls.
function close({ engine, addresses }: BoundPort): void {
  for (const address of addresses) {
    engine.server.unlisten(address);
    engine.server.drainFrom(address, Number.POSITIVE_INFINITY);
  }
}

function cancelled(): Error {
  return new Error('bindAsync operation cancelled by unbind call');
}

// What a callback throws belongs to the process, not to a promise.
function tell(binding: Promise<number>, callback: BindCallback): void {
  binding.then(
    (number) => process.nextTick(callback, null, number),
    (error) => process.nextTick(callback, error, 0),
  );
}
