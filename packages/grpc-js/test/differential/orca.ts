// Load reports: what recorders write, what comes with a call's trailers, and what a server streams to
// whoever asks. Not here: policies that use reports.

import type {
  Client,
  ClientReadableStream,
  Metadata,
  ServerUnaryCall,
  ServiceDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import type { Grpc } from './credentials-server.ts';
import { errorOf, type Observation, type Observe, outcomeOf } from './observation.ts';

type Orca = typeof import('@grpc/grpc-js/build/src/orca');
type See = (name: string, act: () => unknown) => void;

const bytes = (value: Buffer): Buffer => value;

const TRAILER = 'endpoint-load-metrics-bin';
const STREAM = '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics';

const SERVICE: ServiceDefinition = {
  Load: {
    path: '/observed.Orca/Load',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  const orca = deep('orca') as Orca;
  recorders(orca, see);
  readers(grpc, orca, see);
  await trailers(grpc, seen);
  await streams(grpc, orca, seen);
  return seen;
};

function recorders(orca: Orca, see: See): void {
  const written = (
    fill: (recorder: InstanceType<Orca['PerRequestMetricRecorder']>) => void,
  ): string => {
    const recorder = new orca.PerRequestMetricRecorder();
    fill(recorder);
    return recorder.serialize().toString('hex');
  };
  see('the trailer', () => orca.GRPC_METRICS_HEADER);
  see('nothing recorded', () => written(() => {}));
  see('a Buffer', () => Buffer.isBuffer(new orca.PerRequestMetricRecorder().serialize()));
  see('CPU', () => written((r) => r.recordCPUUtilizationMetric(0.5)));
  see('CPU of 0', () => written((r) => r.recordCPUUtilizationMetric(0)));
  see('CPU twice', () =>
    written((r) => [r.recordCPUUtilizationMetric(1), r.recordCPUUtilizationMetric(2)]),
  );
  see('memory', () => written((r) => r.recordMemoryUtilizationMetric(0.25)));
  see('the application', () => written((r) => r.recordApplicationUtilizationMetric(1.5)));
  see('requests', () => written((r) => r.recordQpsMetric(1000)));
  see('errors', () => written((r) => r.recordEpsMetric(3)));
  see('a cost', () => written((r) => r.recordRequestCostMetric('queries', 3)));
  see('a cost of 0', () => written((r) => r.recordRequestCostMetric('queries', 0)));
  see('a cost without a name', () => written((r) => r.recordRequestCostMetric('', 1)));
  see('two costs', () =>
    written((r) => [r.recordRequestCostMetric('b', 1), r.recordRequestCostMetric('a', 2)]),
  );
  see('a utilization', () => written((r) => r.recordUtilizationMetric('disk', 0.1)));
  see('a named metric', () => written((r) => r.recordNamedMetric('any', -7.25)));
  see('a name beyond ASCII', () => written((r) => r.recordNamedMetric('größe', 1)));
  see('a long name', () => written((r) => r.recordNamedMetric('x'.repeat(300), 1)));
  see('numbers that are none', () =>
    written((r) => [r.recordCPUUtilizationMetric(Number.NaN), r.recordEpsMetric(Infinity)]),
  );
  see('all', () =>
    written((r) => [
      r.recordEpsMetric(1),
      r.recordQpsMetric(2),
      r.recordNamedMetric('n', 3),
      r.recordUtilizationMetric('u', 4),
      r.recordRequestCostMetric('c', 5),
      r.recordApplicationUtilizationMetric(6),
      r.recordMemoryUtilizationMetric(7),
      r.recordCPUUtilizationMetric(8),
    ]),
  );
}

function readers(grpc: Grpc, orca: Orca, see: See): void {
  const recorder = new orca.PerRequestMetricRecorder();
  recorder.recordCPUUtilizationMetric(0.5);
  recorder.recordNamedMetric('n', 3);
  recorder.recordRequestCostMetric('c', 5);
  const report = recorder.serialize();
  const read = (fill: (metadata: Metadata) => void): unknown => {
    const heard: unknown[] = [];
    const metadata = new grpc.Metadata();
    fill(metadata);
    const reader = orca.createMetricsReader(
      (one) => heard.push(['inner', one]),
      (code, details, after) => heard.push(['ended', code, details, after === metadata]),
    );
    orca.createMetricsReader((one) => heard.push(['outer', one]), reader)(5, 'text', metadata);
    return heard;
  };
  see('a report is read', () => read((m) => m.set(TRAILER, report)));
  see('no report is read', () => read(() => {}));
  see('an empty report is read', () => read((m) => m.set(TRAILER, Buffer.alloc(0))));
  see('two reports are read', () =>
    read((m) => [m.add(TRAILER, report), m.add(TRAILER, Buffer.alloc(0))]),
  );
  see('an unknown field is read', () => read((m) => m.set(TRAILER, Buffer.from('a80601', 'hex'))));
  see('rps is read', () => read((m) => m.set(TRAILER, Buffer.from('18e807', 'hex'))));
  see('a report without what comes after', () => {
    const heard: unknown[] = [];
    const metadata = new grpc.Metadata();
    metadata.set(TRAILER, report);
    orca.createMetricsReader((one) => heard.push(one.cpu_utilization), null)(0, '', metadata);
    return heard;
  });
  see('a report that is none', () => read((m) => m.set(TRAILER, Buffer.from('09ff', 'hex'))));
}

async function trailers(grpc: Grpc, seen: Observation[]): Promise<void> {
  const cases: readonly [name: string, option: number | undefined, records: boolean][] = [
    ['recorded, not asked for', undefined, true],
    ['recorded, turned off', 0, true],
    ['recorded, turned on', 1, true],
    ['nothing recorded, turned on', 1, false],
  ];
  for (const [name, option, records] of cases) {
    const server = new grpc.Server(
      option === undefined ? {} : { 'grpc.server_call_metric_recording': option },
    );
    server.addService(SERVICE, {
      Load: (
        call: ServerUnaryCall<Buffer, Buffer>,
        callback: (error: null, reply: Buffer) => void,
      ) => {
        if (records) {
          call.getMetricsRecorder().recordCPUUtilizationMetric(0.5);
          call.getMetricsRecorder().recordRequestCostMetric('c', 2);
        }
        callback(null, Buffer.alloc(0));
      },
    });
    const port = await bound(grpc, server);
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const status = await new Promise<Metadata>((resolve) => {
      const call = client.makeUnaryRequest(
        '/observed.Orca/Load',
        bytes,
        bytes,
        Buffer.alloc(0),
        () => {},
      );
      call.on('status', ({ metadata }) => resolve(metadata));
    });
    const [report] = status.get(TRAILER);
    seen.push({
      name: `the trailer of a call, ${name}`,
      value: Buffer.isBuffer(report) ? report.toString('hex') : 'none',
    });
    client.close();
    server.forceShutdown();
  }
}

function bound(grpc: Grpc, server: InstanceType<Grpc['Server']>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

/** What a stream gives first, within a time that is long beside what the interval is. */
function first(stream: ClientReadableStream<unknown>, withinMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('nothing'), withinMs);
    stream.on('data', (report: unknown) => {
      clearTimeout(timer);
      stream.cancel();
      resolve(Buffer.isBuffer(report) ? report.toString('hex') : report);
    });
    stream.on('error', (error: ServiceError) => resolve(errorOf(error)));
  });
}

async function streams(grpc: Grpc, orca: Orca, seen: Observation[]): Promise<void> {
  const recorder = new grpc.ServerMetricRecorder();
  const server = new grpc.Server();
  recorder.addToServer(server);
  const port = await bound(grpc, server);
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  // 20 ms.
  const soon = Buffer.from('0a05' + '1080dac409', 'hex');
  const see = async (name: string): Promise<void> => {
    const stream = client.makeServerStreamRequest(STREAM, bytes, bytes, soon);
    seen.push({ name, value: await first(stream, 5000) });
  };
  await see('a report of nothing');
  recorder.setCpuUtilizationMetric(0.5);
  recorder.setApplicationUtilizationMetric(1.25);
  recorder.setQpsMetric(10);
  recorder.setEpsMetric(1);
  await see('a report of four');
  recorder.putUtilizationMetric('disk', 0.5);
  recorder.putUtilizationMetric('net', 0.75);
  await see('a report with utilizations');
  recorder.deleteUtilizationMetric('disk');
  recorder.deleteUtilizationMetric('never');
  await see('a report with one less');
  recorder.setAllUtilizationMetrics({ a: 1, b: 2 });
  await see('a report with others');
  const given = { a: 1 };
  recorder.setAllUtilizationMetrics(given);
  given.a = 5;
  await see('a report with others that changed since');
  recorder.deleteCpuUtilizationMetric();
  recorder.deleteApplicationUtilizationMetric();
  recorder.deleteQpsMetric();
  recorder.deleteEpsMetric();
  recorder.setAllUtilizationMetrics({});
  await see('a report of what was deleted');
  await intervals(grpc, client, seen);
  await clients(orca, client, recorder, seen);
  client.close();
  server.forceShutdown();
}

async function intervals(_grpc: Grpc, client: Client, seen: Observation[]): Promise<void> {
  const requests: readonly [name: string, hex: string][] = [
    ['none', ''],
    // 3,600 s.
    ['an hour', '0a03' + '08901c'],
  ];
  for (const [name, hex] of requests) {
    const stream = client.makeServerStreamRequest(STREAM, bytes, bytes, Buffer.from(hex, 'hex'));
    seen.push({
      name: `a report within 300 ms, the interval being ${name}`,
      value: await first(stream, 300),
    });
    stream.cancel();
  }
}

async function clients(
  orca: Orca,
  client: Client,
  recorder: InstanceType<Grpc['ServerMetricRecorder']>,
  seen: Observation[],
): Promise<void> {
  recorder.setCpuUtilizationMetric(0.5);
  recorder.putUtilizationMetric('disk', 0.5);
  const rca = orca.createOrcaClient(client.getChannel());
  seen.push({
    name: 'the methods of a client',
    value: [
      typeof rca.StreamCoreMetrics,
      typeof rca.streamCoreMetrics,
      rca.getChannel() === client.getChannel(),
    ],
  });
  const request = { report_interval: { seconds: 0, nanos: 20_000_000 } };
  seen.push({
    name: 'a report to a client',
    value: await first(rca.streamCoreMetrics(request) as ClientReadableStream<unknown>, 5000),
  });
  seen.push({
    name: 'a report to a client, by the other name',
    value: await first(
      rca.StreamCoreMetrics({
        ...request,
        request_cost_names: ['x'],
      }) as ClientReadableStream<unknown>,
      5000,
    ),
  });
  const times: unknown[] = [];
  const stream = rca.streamCoreMetrics(request);
  await new Promise<void>((resolve) => {
    stream.on('error', () => {});
    stream.on('data', () => {
      times.push(1);
      if (times.length === 3) resolve();
    });
  });
  stream.cancel();
  seen.push({ name: 'reports go on', value: times.length });
}
