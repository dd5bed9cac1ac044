// The instruments of calls and attempts, client and server, by the names, units and attributes of
// gRPC. Invariant: what is recorded of a method or target is the caller's to choose
// (attribute-names.ts): nothing a peer sends makes a new series.
// gRFC A66, gRFC A96. Not here: which call is which (call-records.ts).

import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api';
import {
  LATENCY_BUCKETS,
  RETRY_BUCKETS,
  SIZE_BUCKETS,
  TRANSPARENT_RETRY_BUCKETS,
} from './buckets.ts';

/** The end of a call or attempt, as its event tells it. */
interface Ended {
  readonly durationMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** The end of a client's call. */
interface ClientCallEnded {
  readonly durationMs: number;
  readonly retries: number;
  readonly transparentRetries: number;
  readonly hedges: number;
  readonly retryDelayMs: number;
}

/** The instruments of one meter. Durations are given in ms and recorded in seconds; sizes in bytes. */
export class CallMetrics {
  private readonly attemptStarted: Counter;
  private readonly attemptDuration: Histogram;
  private readonly attemptSent: Histogram;
  private readonly attemptReceived: Histogram;
  private readonly callDuration: Histogram;
  private readonly callRetries: Histogram;
  private readonly callTransparentRetries: Histogram;
  private readonly callHedges: Histogram;
  private readonly callRetryDelay: Histogram;
  private readonly serverStarted: Counter;
  private readonly serverDuration: Histogram;
  private readonly serverSent: Histogram;
  private readonly serverReceived: Histogram;

  constructor(meter: Meter) {
    this.attemptStarted = meter.createCounter('grpc.client.attempt.started', {
      unit: '{attempt}',
      description: 'Attempts started, including those that have not completed.',
    });
    this.attemptDuration = histogram(
      meter,
      'grpc.client.attempt.duration',
      's',
      'Time an attempt took from beginning to end, including the choice of a connection.',
      LATENCY_BUCKETS,
    );
    this.attemptSent = histogram(
      meter,
      'grpc.client.attempt.sent_total_compressed_message_size',
      'By',
      'Bytes of the request messages of an attempt as they were sent, without framing.',
      SIZE_BUCKETS,
    );
    this.attemptReceived = histogram(
      meter,
      'grpc.client.attempt.rcvd_total_compressed_message_size',
      'By',
      'Bytes of the response messages of an attempt as they came, without framing.',
      SIZE_BUCKETS,
    );
    this.callDuration = histogram(
      meter,
      'grpc.client.call.duration',
      's',
      'Time a call took from its start to its status, all attempts included.',
      LATENCY_BUCKETS,
    );
    this.callRetries = histogram(
      meter,
      'grpc.client.call.retries',
      '{retry}',
      'Retries of a call that had any.',
      RETRY_BUCKETS,
    );
    this.callTransparentRetries = histogram(
      meter,
      'grpc.client.call.transparent_retries',
      '{transparent_retry}',
      'Transparent retries of a call that had any.',
      TRANSPARENT_RETRY_BUCKETS,
    );
    this.callHedges = histogram(
      meter,
      'grpc.client.call.hedges',
      '{hedge}',
      'Hedges of a call that had any.',
      RETRY_BUCKETS,
    );
    this.callRetryDelay = histogram(
      meter,
      'grpc.client.call.retry_delay',
      's',
      'Time without an attempt under way, of a call that was tried again.',
      LATENCY_BUCKETS,
    );
    this.serverStarted = meter.createCounter('grpc.server.call.started', {
      unit: '{call}',
      description: 'Calls started, including those that have not completed.',
    });
    this.serverDuration = histogram(
      meter,
      'grpc.server.call.duration',
      's',
      'Time from the headers of a request to its status or its reset.',
      LATENCY_BUCKETS,
    );
    this.serverSent = histogram(
      meter,
      'grpc.server.call.sent_total_compressed_message_size',
      'By',
      'Bytes of the response messages of a call as they were sent, without framing.',
      SIZE_BUCKETS,
    );
    this.serverReceived = histogram(
      meter,
      'grpc.server.call.rcvd_total_compressed_message_size',
      'By',
      'Bytes of the request messages of a call as they came, without framing.',
      SIZE_BUCKETS,
    );
  }

  /** @param attributes method and target */
  onAttemptStart(attributes: Attributes): void {
    this.attemptStarted.add(1, attributes);
  }

  /** @param attributes method, target and status */
  onAttemptEnd(attributes: Attributes, { durationMs, sentBytes, receivedBytes }: Ended): void {
    this.attemptDuration.record(durationMs / 1_000, attributes);
    this.attemptSent.record(sentBytes, attributes);
    this.attemptReceived.record(receivedBytes, attributes);
  }

  /**
   * @param attributes method, target and status
   * @param common method and target
   */
  onClientCallEnd(attributes: Attributes, common: Attributes, ended: ClientCallEnded): void {
    const { durationMs, retries, transparentRetries, hedges, retryDelayMs } = ended;
    this.callDuration.record(durationMs / 1_000, attributes);
    // gRFC A96: a call without any is not reported.
    if (retries > 0) this.callRetries.record(retries, common);
    if (transparentRetries > 0) this.callTransparentRetries.record(transparentRetries, common);
    if (hedges > 0) this.callHedges.record(hedges, common);
    if (retryDelayMs > 0) this.callRetryDelay.record(retryDelayMs / 1_000, common);
  }

  /** @param attributes method */
  onServerCallStart(attributes: Attributes): void {
    this.serverStarted.add(1, attributes);
  }

  /** @param attributes method and status */
  onServerCallEnd(attributes: Attributes, { durationMs, sentBytes, receivedBytes }: Ended): void {
    this.serverDuration.record(durationMs / 1_000, attributes);
    this.serverSent.record(sentBytes, attributes);
    this.serverReceived.record(receivedBytes, attributes);
  }
}

function histogram(
  meter: Meter,
  name: string,
  unit: string,
  description: string,
  boundaries: readonly number[],
): Histogram {
  const advice = { explicitBucketBoundaries: [...boundaries] };
  return meter.createHistogram(name, { unit, description, advice });
}
