// Connections of clients, as gRPC's metrics of subchannels have them, and how often limits acted.
// Invariant: a connection that channels share counts once, for one of its channels, and is given up
// under the target under which it was opened.
// gRFC A94. Not here: queues and windows (transport-gauges.ts).

import type { BatchObservableResult, Counter, Meter, Observable } from '@opentelemetry/api';
import { type LiveChannel, liveChannels } from '../../channel/live-channels.ts';
import { errorCodeName } from '../../frames/error-code.ts';
import type { ConnectionClosed, ConnectionEvent, LimitEvent } from '../../transport/diagnostics.ts';
import { type AttributeNames, OTHER } from './attribute-names.ts';

/** States of a connection whose HTTP/2 handshake is over. */
const OPEN: ReadonlySet<string> = new Set(['ready', 'draining']);

/** Names of the system for a connection that ended because nothing came any more. */
const TIMED_OUT: ReadonlySet<string> = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Hears the events of connections and limits, and records them until it is stopped. */
export class SubchannelMetrics {
  private readonly meter: Meter;
  private readonly names: AttributeNames;
  private readonly disconnections: Counter;
  private readonly succeeded: Counter;
  private readonly failed: Counter;
  private readonly acted: Counter;
  private readonly open: Observable;
  private readonly collect: (result: BatchObservableResult) => void;
  /** `grpc.target` of connections that are open, by their ids. */
  private readonly targets: Map<number, string>;

  constructor(meter: Meter, names: AttributeNames) {
    this.meter = meter;
    this.names = names;
    this.disconnections = meter.createCounter('grpc.subchannel.disconnections', {
      unit: '{disconnection}',
      description: 'Connections that were ready and are lost.',
    });
    this.succeeded = meter.createCounter('grpc.subchannel.connection_attempts_succeeded', {
      unit: '{attempt}',
      description: 'Attempts to connect that succeeded.',
    });
    this.failed = meter.createCounter('grpc.subchannel.connection_attempts_failed', {
      unit: '{attempt}',
      description: 'Attempts to connect that failed.',
    });
    this.acted = meter.createCounter('grpc.transport.http2.limit.acted', {
      unit: '{act}',
      description: 'How often a limit made a call wait, refused it or ended it.',
    });
    this.open = meter.createObservableUpDownCounter('grpc.subchannel.open_connections', {
      unit: '{connection}',
      description: 'Open connections.',
    });
    this.targets = new Map();
    this.collect = (result) => this.observe(result);
    meter.addBatchObservableCallback(this.collect, [this.open]);
    for (const { connections, target } of openConnections()) {
      for (const id of connections) this.targets.set(id, names.targetOf(target));
    }
  }

  /** No more collections. */
  stop(): void {
    this.meter.removeBatchObservableCallback(this.collect, [this.open]);
  }

  onConnection(event: ConnectionEvent): void {
    if (event.side === 'server') return;
    switch (event.phase) {
      case 'ready': {
        const target = this.targetOf((channel) => hasConnection(channel, event.connection));
        this.targets.set(event.connection, target);
        this.succeeded.add(1, { 'grpc.target': target });
        return;
      }
      case 'failed': {
        const target = this.targetOf((channel) => hasBackend(channel, event.address));
        this.failed.add(1, { 'grpc.target': target });
        return;
      }
      case 'closed':
        this.onClosed(event);
    }
  }

  private onClosed(event: ConnectionClosed): void {
    if (!event.wasReady) return;
    const target = this.targets.get(event.connection) ?? OTHER;
    this.targets.delete(event.connection);
    const error = disconnectError(event);
    this.disconnections.add(1, { 'grpc.target': target, 'grpc.disconnect_error': error });
  }

  onLimit({ limit, what, side }: LimitEvent): void {
    this.acted.add(1, { limit, what, side });
  }

  // Connections are rare enough to look for whom they are.
  private targetOf(isOf: (channel: LiveChannel) => boolean): string {
    const channel = liveChannels.all().find(isOf);
    return channel === undefined ? OTHER : this.names.targetOf(channel.target);
  }

  private observe(result: BatchObservableResult): void {
    const counts = new Map<string, number>();
    for (const target of this.targets.values()) counts.set(target, 0);
    for (const { target, connections } of openConnections()) {
      const recorded = this.names.targetOf(target);
      counts.set(recorded, (counts.get(recorded) ?? 0) + connections.length);
    }
    for (const [target, count] of counts) {
      result.observe(this.open, count, { 'grpc.target': target });
    }
  }
}

/** The open connections of each channel; one that channels share is of the first of them. */
function openConnections(): { readonly target: string; readonly connections: number[] }[] {
  const seen = new Set<number>();
  return liveChannels.all().map((channel) => {
    const connections: number[] = [];
    for (const { live } of channel.subchannels()) {
      for (const { id, transport } of live) {
        if (seen.has(id) || !OPEN.has(transport.state)) continue;
        seen.add(id);
        connections.push(id);
      }
    }
    return { target: channel.target, connections };
  });
}

function hasConnection(channel: LiveChannel, id: number): boolean {
  for (const { live } of channel.subchannels()) {
    for (const one of live) if (one.id === id) return true;
  }
  return false;
}

function hasBackend(channel: LiveChannel, address: string): boolean {
  for (const subchannel of channel.subchannels()) if (subchannel.name === address) return true;
  return false;
}

/** `grpc.disconnect_error`: of several reasons the first. gRFC A94. */
function disconnectError({ goAwayCode, initiator, systemCode, reason }: ConnectionClosed): string {
  if (goAwayCode !== undefined) return `GOAWAY ${errorCodeName(goAwayCode)}`;
  if (initiator === 'local') return 'subchannel shutdown';
  if (systemCode === 'ECONNRESET') return 'connection reset';
  if (TIMED_OUT.has(systemCode) || reason.includes('keepalive')) return 'connection timed out';
  if (systemCode === 'ECONNABORTED') return 'connection aborted';
  return systemCode === '' ? 'unknown' : 'socket error';
}
