// Reports of one backend's load all the time: one stream for all who want to hear of it.
// Invariants: the stream is open while the backend is connected and somebody listens; a backend without
// the service is asked once. gRFC A51. Not here: the service and its client (orca.ts).

import { BackoffTimeout } from './backoff-timeout.ts';
import type { ClientReadableStream } from './call.ts';
import { ConnectivityState } from './connectivity-state.ts';
import { LogVerbosity, Status } from './constants.ts';
import { msToDuration } from './duration.ts';
import { log } from './logging.ts';
import { createOrcaClient, type MetricsListener, type OpenRcaServiceClient } from './orca.ts';
import type { OrcaLoadReport__Output } from './orca-messages.ts';
import type { DataProducer, Subchannel } from './subchannel.ts';
import type { DataWatcher } from './subchannel-interface.ts';

const PRODUCER = 'orca_oob_metrics';

/** One who wants to hear of a backend's load. */
export class OobMetricsWatcher implements DataWatcher {
  readonly listener: MetricsListener;
  readonly intervalMs: number;
  private producer: DataProducer | undefined;

  constructor(listener: MetricsListener, intervalMs: number) {
    this.listener = listener;
    this.intervalMs = intervalMs;
    this.producer = undefined;
  }

  setSubchannel(subchannel: Subchannel): void {
    this.producer = subchannel.getOrCreateDataProducer(
      PRODUCER,
      (owner) => new OobMetricsProducer(owner),
    );
    this.producer.addDataWatcher(this);
  }

  destroy(): void {
    this.producer?.removeDataWatcher(this);
    this.producer = undefined;
  }
}

class OobMetricsProducer implements DataProducer {
  private readonly subchannel: Subchannel;
  private readonly watchers: Set<OobMetricsWatcher>;
  private readonly backoff: BackoffTimeout;
  private client: OpenRcaServiceClient | undefined;
  private call: ClientReadableStream<OrcaLoadReport__Output> | undefined;
  private intervalMs: number;
  private isImplemented: boolean;

  constructor(subchannel: Subchannel) {
    this.subchannel = subchannel;
    this.watchers = new Set();
    this.backoff = new BackoffTimeout(() => this.update());
    this.backoff.unref();
    this.client = undefined;
    this.call = undefined;
    this.intervalMs = Number.POSITIVE_INFINITY;
    this.isImplemented = true;
    subchannel.addConnectivityStateListener(this.onState);
  }

  addDataWatcher(watcher: DataWatcher): void {
    if (!(watcher instanceof OobMetricsWatcher)) return;
    this.watchers.add(watcher);
    this.update();
  }

  removeDataWatcher(watcher: DataWatcher): void {
    if (watcher instanceof OobMetricsWatcher) this.watchers.delete(watcher);
    if (this.watchers.size > 0) {
      this.update();
      return;
    }
    this.stop();
    this.subchannel.removeDataProducer(PRODUCER);
    this.subchannel.removeConnectivityStateListener(this.onState);
  }

  private readonly onState = (
    _subchannel: unknown,
    _previous: ConnectivityState,
    state: ConnectivityState,
  ): void => {
    if (state === ConnectivityState.READY) this.update();
    else this.stop();
  };

  private stop(): void {
    const { call } = this;
    this.call = undefined;
    call?.cancel();
    this.backoff.stop();
    this.backoff.reset();
  }

  private update(): void {
    if (!this.isImplemented || this.watchers.size === 0) return;
    if (this.subchannel.getConnectivityState() !== ConnectivityState.READY) return;
    const intervalMs = Math.min(...[...this.watchers].map((watcher) => watcher.intervalMs));
    if (this.call !== undefined && intervalMs === this.intervalMs) return;
    this.stop();
    this.intervalMs = intervalMs;
    this.open();
  }

  private open(): void {
    this.client ??= createOrcaClient(this.subchannel.getChannel());
    const call = this.client.streamCoreMetrics({ report_interval: msToDuration(this.intervalMs) });
    this.call = call;
    call.on('data', (report: OrcaLoadReport__Output) => {
      for (const { listener } of this.watchers) listener(report);
    });
    call.on('error', (error: Error & { readonly code?: Status }) => this.onEnd(call, error.code));
    call.on('end', () => this.onEnd(call, Status.OK));
  }

  private onEnd(
    call: ClientReadableStream<OrcaLoadReport__Output>,
    code: Status | undefined,
  ): void {
    if (this.call !== call) return;
    this.call = undefined;
    if (code === Status.UNIMPLEMENTED) {
      this.isImplemented = false;
      const address = this.subchannel.getAddress();
      log(
        LogVerbosity.ERROR,
        `The backend ${address} does not serve ORCA reports (OpenRcaService)`,
      );
      return;
    }
    this.backoff.runOnce();
  }
}
