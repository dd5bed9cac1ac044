// A process whose gRPC is traced: a provider that keeps spans in memory, and instrumentation-grpc. To be
// imported before anything that loads @grpc/grpc-js, since instrumentation patches a module as it loads.
// Not here: what is traced (traced-calls.ts).

import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';

export const finishedSpans: InMemorySpanExporter = new InMemorySpanExporter();

const provider: NodeTracerProvider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(finishedSpans)],
});
provider.register();

const CAPTURED = { requestMetadata: ['x-request'], responseMetadata: ['X-Reply'] };

export const instrumentation: GrpcInstrumentation = new GrpcInstrumentation({
  ignoreGrpcMethods: ['Ignored'],
  metadataToSpanAttributes: { client: CAPTURED, server: CAPTURED },
});
