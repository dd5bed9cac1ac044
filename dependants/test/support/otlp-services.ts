// The services a collector has, and of their messages what the tests look at: other fields are skipped,
// as any protobuf reader skips what it does not know. Of opentelemetry-proto v1. Not here: a collector.

import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

export interface ExportRequest {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string }[] }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly MetricMessage[] }[];
  }[];
}

export interface MetricMessage {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly { readonly asDouble: number }[] };
}

interface FieldJson {
  readonly type: string;
  readonly id: number;
  readonly rule?: 'repeated';
}

function list(type: string, id: number): FieldJson {
  return { rule: 'repeated', type, id };
}

function message(fields: Readonly<Record<string, FieldJson>>): { fields: typeof fields } {
  return { fields };
}

function service(request: string): object {
  return { methods: { Export: { requestType: request, responseType: 'ExportResponse' } } };
}

const PACKAGE = fromJSON(
  {
    nested: {
      opentelemetry: {
        nested: {
          proto: {
            nested: {
              collector: {
                nested: {
                  trace: { nested: { v1: { nested: { TraceService: service('ExportSpans') } } } },
                  metrics: {
                    nested: { v1: { nested: { MetricsService: service('ExportMetrics') } } },
                  },
                },
              },
            },
          },
        },
      },
      ExportResponse: message({}),
      ExportSpans: message({ resourceSpans: list('ResourceSpans', 1) }),
      ResourceSpans: message({ scopeSpans: list('ScopeSpans', 2) }),
      ScopeSpans: message({ spans: list('Span', 2) }),
      Span: message({ name: { type: 'string', id: 5 } }),
      ExportMetrics: message({ resourceMetrics: list('ResourceMetrics', 1) }),
      ResourceMetrics: message({ scopeMetrics: list('ScopeMetrics', 2) }),
      ScopeMetrics: message({ metrics: list('Metric', 2) }),
      Metric: message({ name: { type: 'string', id: 1 }, sum: { type: 'Sum', id: 7 } }),
      Sum: message({ dataPoints: list('NumberDataPoint', 1) }),
      NumberDataPoint: message({ asDouble: { type: 'double', id: 4 } }),
    },
  },
  {},
);

function serviceOf(name: string): ServiceDefinition {
  // A service by the table above.
  return PACKAGE[name] as ServiceDefinition;
}

export const traceService: ServiceDefinition = serviceOf(
  'opentelemetry.proto.collector.trace.v1.TraceService',
);

export const metricsService: ServiceDefinition = serviceOf(
  'opentelemetry.proto.collector.metrics.v1.MetricsService',
);
