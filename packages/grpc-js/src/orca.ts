// ORCA: what a server says of its load, with each call in the trailers and all the time by a service
// of its own, and how a client hears of it.
// Invariants: a client that reads slowly is sent the newest report when it is ready for one, never a
// heap of old ones; bytes that are no report are nobody's error.
// gRFC A51. Not here: the messages (orca-messages.ts), what is done with reports (policies).

import type { ClientReadableStream } from './call.ts';
import type { Channel } from './channel.ts';
import { ChannelCredentials } from './channel-credentials.ts';
import type { CallOptions, Client } from './client.ts';
import {
  type MethodDefinition,
  makeClientConstructor,
  type ServiceDefinition,
} from './make-client.ts';
import type { Metadata } from './metadata.ts';
import {
  type OrcaLoadReport,
  type OrcaLoadReport__Output,
  type OrcaLoadReportRequest,
  type OrcaLoadReportRequest__Output,
  readLoadReport,
  readReportRequest,
  writeLoadReport,
  writeReportRequest,
} from './orca-messages.ts';
import { OobMetricsWatcher } from './orca-oob.ts';
import type { OnCallEnded } from './picker.ts';
import type { Server, UntypedServiceImplementation } from './server.ts';
import type { handleServerStreamingCall } from './server-call.ts';
import { BaseSubchannelWrapper, type SubchannelInterface } from './subchannel-interface.ts';

/** The trailer with the report of a call. */
export const GRPC_METRICS_HEADER = 'endpoint-load-metrics-bin';

/** Milliseconds between reports where the client asks for no time. */
const REPORT_INTERVAL_MS = 30_000;

/** The longest time that a timer of Node takes; past it would be none. */
const LONGEST_MS = 0x7fff_ffff;

/** What a handler says of the load of its one call; `call.getMetricsRecorder()`. */
export class PerRequestMetricRecorder {
  private readonly message: OrcaLoadReport = {};

  /** A cost of the request, in units of the application's choice. */
  recordRequestCostMetric(name: string, value: number): void {
    this.message.request_cost ??= {};
    this.message.request_cost[name] = value;
  }

  /** The utilization of a resource, from 0 to 1. */
  recordUtilizationMetric(name: string, value: number): void {
    this.message.utilization ??= {};
    this.message.utilization[name] = value;
  }

  /** Anything else. */
  recordNamedMetric(name: string, value: number): void {
    this.message.named_metrics ??= {};
    this.message.named_metrics[name] = value;
  }

  /** From 0; above 1 past a soft limit. */
  recordCPUUtilizationMetric(value: number): void {
    this.message.cpu_utilization = value;
  }

  /** From 0 to 1. */
  recordMemoryUtilizationMetric(value: number): void {
    this.message.mem_utilization = value;
  }

  /** From 0; above 1 past a soft limit. */
  recordApplicationUtilizationMetric(value: number): void {
    this.message.application_utilization = value;
  }

  /** Requests per second. */
  recordQpsMetric(value: number): void {
    this.message.rps_fractional = value;
  }

  /** Errors per second. */
  recordEpsMetric(value: number): void {
    this.message.eps = value;
  }

  /** The value of GRPC_METRICS_HEADER. */
  serialize(): Buffer {
    return writeLoadReport(this.message);
  }
}

/** What a server says of its load to whoever asks all the time. */
export class ServerMetricRecorder {
  private readonly message: OrcaLoadReport = {};
  private readonly serviceImplementation: UntypedServiceImplementation = {
    StreamCoreMetrics: this.stream(),
  };

  /** The utilization of a resource, from 0 to 1. */
  putUtilizationMetric(name: string, value: number): void {
    this.message.utilization ??= {};
    this.message.utilization[name] = value;
  }

  /** In place of all that were put. */
  setAllUtilizationMetrics(metrics: { [name: string]: number }): void {
    this.message.utilization = { ...metrics };
  }

  deleteUtilizationMetric(name: string): void {
    delete this.message.utilization?.[name];
  }

  /** From 0; above 1 past a soft limit. */
  setCpuUtilizationMetric(value: number): void {
    this.message.cpu_utilization = value;
  }

  deleteCpuUtilizationMetric(): void {
    delete this.message.cpu_utilization;
  }

  /** From 0; above 1 past a soft limit. */
  setApplicationUtilizationMetric(value: number): void {
    this.message.application_utilization = value;
  }

  deleteApplicationUtilizationMetric(): void {
    delete this.message.application_utilization;
  }

  /** Requests per second. */
  setQpsMetric(value: number): void {
    this.message.rps_fractional = value;
  }

  deleteQpsMetric(): void {
    delete this.message.rps_fractional;
  }

  /** Errors per second. */
  setEpsMetric(value: number): void {
    this.message.eps = value;
  }

  deleteEpsMetric(): void {
    delete this.message.eps;
  }

  /** Adds the service xds.service.orca.v3.OpenRcaService. */
  addToServer(server: Server): void {
    server.addService(openRcaService, this.serviceImplementation);
  }

  private stream(): handleServerStreamingCall<OrcaLoadReportRequest__Output, OrcaLoadReport> {
    return (call) => {
      let writable = true;
      const timer = setInterval(() => {
        if (writable) writable = call.write(this.message);
      }, intervalOf(call.request));
      const stop = (): void => clearInterval(timer);
      call.on('drain', () => {
        writable = true;
      });
      call.on('cancelled', stop);
      call.on('close', stop);
    };
  }
}

function intervalOf({ report_interval: interval }: OrcaLoadReportRequest__Output): number {
  if (interval === null) return REPORT_INTERVAL_MS;
  const asked = Number(interval.seconds) * 1_000 + interval.nanos / 1_000_000;
  return Math.min(Math.max(asked, 1), LONGEST_MS);
}

// The service.

const streamCoreMetrics: MethodDefinition<OrcaLoadReportRequest, OrcaLoadReport> = {
  path: '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics',
  requestStream: false,
  responseStream: true,
  requestSerialize: writeReportRequest,
  requestDeserialize: readReportRequest,
  responseSerialize: writeLoadReport,
  responseDeserialize: readLoadReport,
  originalName: 'streamCoreMetrics',
};

const openRcaService: ServiceDefinition = { StreamCoreMetrics: streamCoreMetrics };

/** A client of xds.service.orca.v3.OpenRcaService. */
export interface OpenRcaServiceClient extends Client {
  StreamCoreMetrics(
    argument: OrcaLoadReportRequest,
    metadata: Metadata,
    options?: CallOptions,
  ): ClientReadableStream<OrcaLoadReport__Output>;
  StreamCoreMetrics(
    argument: OrcaLoadReportRequest,
    options?: CallOptions,
  ): ClientReadableStream<OrcaLoadReport__Output>;
  streamCoreMetrics(
    argument: OrcaLoadReportRequest,
    metadata: Metadata,
    options?: CallOptions,
  ): ClientReadableStream<OrcaLoadReport__Output>;
  streamCoreMetrics(
    argument: OrcaLoadReportRequest,
    options?: CallOptions,
  ): ClientReadableStream<OrcaLoadReport__Output>;
}

/** A client on a channel that is there; closing it closes the channel. */
export function createOrcaClient(channel: Channel): OpenRcaServiceClient {
  const OpenRca = makeClientConstructor(openRcaService, 'xds.service.orca.v3.OpenRcaService');
  const insecure = ChannelCredentials.createInsecure();
  const client: Client = new OpenRca('unused', insecure, { channelOverride: channel });
  // Its methods are those of the definition.
  return client as OpenRcaServiceClient;
}

// Reports with calls.

export type MetricsListener = (loadReport: OrcaLoadReport__Output) => void;

/**
 * For a picker: tells `listener` what the trailers of a call report, if they do, and then
 * `previousOnCallEnded` of the call. Several readers of one call read its report once.
 */
export function createMetricsReader(
  listener: MetricsListener,
  previousOnCallEnded: OnCallEnded | null,
): OnCallEnded {
  return (code, details, metadata) => {
    const report = reportIn(metadata);
    if (report !== undefined) listener(report);
    previousOnCallEnded?.(code, details, metadata);
  };
}

function reportIn(metadata: Metadata): OrcaLoadReport__Output | undefined {
  const known: unknown = metadata.getOpaque(GRPC_METRICS_HEADER);
  // Put there by a reader before this one.
  if (known !== undefined) return known as OrcaLoadReport__Output;
  const [bytes] = metadata.get(GRPC_METRICS_HEADER);
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const report = readLoadReport(bytes);
    metadata.setOpaque(GRPC_METRICS_HEADER, report);
    return report;
  } catch {
    return undefined;
  }
}

// Reports of a backend all the time.

/** A subchannel whose backend is asked for reports while it is used. */
export class OrcaOobMetricsSubchannelWrapper extends BaseSubchannelWrapper {
  /** @param intervalMs between reports; of several wrappers of one backend the shortest counts */
  constructor(child: SubchannelInterface, metricsListener: MetricsListener, intervalMs: number) {
    super(child);
    this.addDataWatcher(new OobMetricsWatcher(metricsListener, intervalMs));
  }

  getWrappedSubchannel(): SubchannelInterface {
    return this.child;
  }
}
