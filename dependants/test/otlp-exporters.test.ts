// The OTLP exporters of traces and metrics on the drop-in: what a collector receives of them, over which
// path and headers, compressed or not, and what they make of a collector that refuses, is late or is gone.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Metadata, type ServerUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { assertOnDropIn } from './support/drop-in.ts';
import { localServer } from './support/local-server.ts';
import { type ExportRequest, metricsService, traceService } from './support/otlp-services.ts';

type Exported = ServerUnaryCall<ExportRequest, object>;
type Reply = (error: Partial<ServiceError> | null, reply?: object) => void;

// An enum of a package that is none of ours to import; this is its value.
const GZIP = 'gzip' as NonNullable<
  NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>['compression']
>;

interface Collector {
  readonly url: string;
  /** The exports so far, in their order. */
  readonly exports: Exported[];
}

/** Takes both kinds of exports; `answer` may refuse one. */
async function collector(
  t: TestContext,
  answer: (reply: Reply, count: number) => void = (reply) => reply(null, {}),
): Promise<Collector> {
  const exports: Exported[] = [];
  const Export = (call: Exported, reply: Reply): void => {
    exports.push(call);
    answer(reply, exports.length);
  };
  const { address } = await localServer(t, (server) => {
    server.addService(traceService, { Export });
    server.addService(metricsService, { Export });
  });
  return { url: `http://${address}`, exports };
}

/** A span as the SDK hands it to an exporter. */
async function span(name: string): Promise<ReadableSpan> {
  const memory = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  provider
    .getTracer('test')
    .startSpan(name, { attributes: { 'test.kind': 'one' } })
    .end();
  const [finished] = memory.getFinishedSpans();
  await provider.shutdown();
  assert.ok(finished !== undefined);
  return finished;
}

/** What the exporter says of an export: 0 SUCCESS, 1 FAILED. */
async function exported(
  exporter: OTLPTraceExporter,
  ...names: readonly string[]
): Promise<{ readonly code: number; readonly error?: Partial<ServiceError> }> {
  const spans = await Promise.all(names.map(span));
  return await new Promise((resolve) => exporter.export(spans, resolve));
}

function spanNames(requests: readonly Exported[]): string[] {
  return requests.flatMap(({ request }) =>
    (request.resourceSpans ?? []).flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)),
    ),
  );
}

test('the OTLP exporters run on the drop-in', () => {
  for (const name of ['trace', 'metrics']) {
    assertOnDropIn(
      `@opentelemetry/exporter-${name}-otlp-grpc`,
      '@opentelemetry/otlp-grpc-exporter-base',
    );
  }
});

test('spans of a tracer arrive at the path of the trace service, with the metadata given', async (t) => {
  const { url, exports } = await collector(t);
  const metadata = new Metadata();
  metadata.set('x-tenant', 'acme');
  metadata.set('key-bin', Buffer.from([0, 255]));
  const exporter = new OTLPTraceExporter({ url, metadata, userAgent: 'test/1' });
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = provider.getTracer('test');
  tracer.startSpan('first', { attributes: { 'test.kind': 'one' } }).end();
  tracer.startSpan('second').end();
  await provider.forceFlush();
  await provider.shutdown();
  assert.deepEqual(spanNames(exports).sort(), ['first', 'second']);
  const [call] = exports;
  assert.equal(call?.getPath(), '/opentelemetry.proto.collector.trace.v1.TraceService/Export');
  assert.deepEqual(call?.metadata.get('x-tenant'), ['acme']);
  assert.deepEqual(call?.metadata.get('key-bin'), [Buffer.from([0, 255])]);
  const [userAgent] = call?.metadata.get('user-agent') ?? [];
  assert.match(String(userAgent), /^test\/1 OTel-OTLP-Exporter-JavaScript\/\S+ grpc-node-js\/1\./);
});

test('sums and histograms of a meter arrive at the path of the metrics service', async (t) => {
  const { url, exports } = await collector(t);
  const exporter = new OTLPMetricExporter({ url });
  const reader = new PeriodicExportingMetricReader({ exporter });
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('test');
  meter.createCounter('requests').add(3, { kind: 'a' });
  meter.createHistogram('latency').record(12);
  await provider.forceFlush();
  const [call] = exports;
  assert.equal(call?.getPath(), '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export');
  const metrics = (call?.request.resourceMetrics ?? []).flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap((scope) => scope.metrics),
  );
  assert.deepEqual(
    metrics.map(({ name }) => name),
    ['requests', 'latency'],
  );
  assert.deepEqual(metrics[0]?.sum?.dataPoints, [{ asDouble: 3 }]);
  await provider.shutdown();
});

test('an export compressed with gzip says so on the wire and means the same', async (t) => {
  const { url, exports } = await collector(t);
  const exporter = new OTLPTraceExporter({ url, compression: GZIP });
  assert.deepEqual(await exported(exporter, 'compressed'), { code: 0 });
  await exporter.shutdown();
  assert.deepEqual(spanNames(exports), ['compressed']);

  const wire = await wireCollector(t);
  const again = new OTLPTraceExporter({ url: wire.url, compression: GZIP });
  assert.deepEqual(await exported(again, 'compressed '.repeat(50)), { code: 0 });
  await again.shutdown();
  const { headers, body } = await wire.request;
  assert.equal(headers['grpc-encoding'], 'gzip');
  assert.equal(headers['content-type'], 'application/grpc');
  assert.equal(body[0], 1, 'the flag of a compressed message');
  assert.equal(body.readUInt32BE(1), body.length - 5);
  assert.ok(gunzipSync(body.subarray(5)).includes('compressed compressed'));
});

test('an export that meets UNAVAILABLE fails with it, and the next one succeeds', async (t) => {
  const { url, exports } = await collector(t, (reply, count) => {
    if (count === 1) reply({ code: status.UNAVAILABLE, details: 'try later' });
    else reply(null, {});
  });
  const exporter = new OTLPTraceExporter({ url });
  const { code, error } = await exported(exporter, 'refused');
  assert.equal(code, 1);
  assert.equal(error?.code, status.UNAVAILABLE);
  assert.equal(error?.details, 'try later');
  assert.equal(error?.message, '14 UNAVAILABLE: try later');
  assert.deepEqual(await exported(exporter, 'taken'), { code: 0 });
  assert.deepEqual(spanNames(exports), ['refused', 'taken']);
  await exporter.shutdown();
});

test('an export to where nobody listens fails with UNAVAILABLE', async (t) => {
  const { url, server } = await refusingPort(t);
  server.close();
  await once(server, 'close');
  const exporter = new OTLPTraceExporter({ url });
  const { code, error } = await exported(exporter, 'lost');
  assert.equal(code, 1);
  assert.equal(error?.code, status.UNAVAILABLE);
  assert.match(String(error?.details), /ECONNREFUSED/);
  await exporter.shutdown();
});

test('an export nobody answers ends with its timeout', async (t) => {
  const { url } = await collector(t, () => {});
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: 50 });
  const { code, error } = await exported(exporter, 'late');
  assert.equal(code, 1);
  assert.equal(error?.code, status.DEADLINE_EXCEEDED);
  await exporter.shutdown();
});

test('shutdown waits for the exports on their way, and afterwards none is made', async (t) => {
  const asked = new EventEmitter();
  const { url, exports } = await collector(t, (reply) => asked.emit('asked', reply));
  const exporter = new OTLPTraceExporter({ url });
  const result = exported(exporter, 'on its way');
  const [reply] = await once(asked, 'asked');
  let isDown = false;
  const down = exporter.shutdown().then(() => {
    isDown = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isDown, false);
  reply(null, {});
  assert.deepEqual(await result, { code: 0 });
  await down;
  const { code, error } = await exported(exporter, 'afterwards');
  assert.equal(code, 1);
  assert.equal(error?.message, 'Channel has been shut down');
  assert.equal(exports.length, 1);
});

interface WireRequest {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A collector of nothing but node:http2, which sees an export as it is on the wire. */
async function wireCollector(
  t: TestContext,
): Promise<{ readonly url: string; readonly request: Promise<WireRequest> }> {
  const { url, server } = await refusingPort(t);
  const request = new Promise<WireRequest>((resolve) => {
    server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        resolve({ headers, body: Buffer.concat(chunks) });
        stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.alloc(5));
      });
    });
  });
  return { url, request };
}

async function refusingPort(
  t: TestContext,
): Promise<{ readonly url: string; readonly server: http2.Http2Server }> {
  const server = http2.createServer();
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Of a server that listens on a TCP port.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, server };
}
