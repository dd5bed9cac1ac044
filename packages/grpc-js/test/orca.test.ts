// Load reports of this package: bytes that are none, and clients that do not read.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it, mock } from 'node:test';
import { Metadata, type Server, ServerMetricRecorder } from '@sluice/grpc-js';
import { createMetricsReader, GRPC_METRICS_HEADER } from '@sluice/grpc-js/build/src/orca';
import {
  type OrcaLoadReport,
  readLoadReport,
  readReportRequest,
  writeLoadReport,
  writeReportRequest,
} from '@sluice/grpc-js/build/src/orca-messages';

const WHOLE: OrcaLoadReport = {
  cpu_utilization: 0.5,
  mem_utilization: 0.25,
  rps: '18446744073709551615',
  request_cost: { a: 1, ['__proto__']: 2 },
  utilization: { b: 0.5 },
  rps_fractional: 3,
  eps: 4,
  named_metrics: { '': -1 },
  application_utilization: 1.5,
};

describe('the messages of ORCA', () => {
  it('are read as they were written', () => {
    assert.deepEqual(readLoadReport(writeLoadReport(WHOLE)), WHOLE);
    const request = {
      report_interval: { seconds: '-5', nanos: -1 },
      request_cost_names: ['a', 'b'],
    };
    assert.deepEqual(readReportRequest(writeReportRequest(request)), request);
  });

  it('that end too early are refused at every byte, or are shorter messages', () => {
    const bytes = writeLoadReport(WHOLE);
    let refused = 0;
    for (let length = 0; length < bytes.length; length += 1) {
      try {
        assert.notDeepEqual(readLoadReport(bytes.subarray(0, length)), WHOLE);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        assert.match(String(error), /no ORCA message: it ends within a field, after \d+ bytes/);
        refused += 1;
      }
    }
    assert.ok(refused > bytes.length / 2);
  });

  it('of any bytes at all give a report or an error, and nothing else', () => {
    let seed = 1;
    const byte = (): number => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed & 0xff;
    };
    for (let round = 0; round < 2_000; round += 1) {
      const bytes = Buffer.from(Array.from({ length: byte() % 40 }, byte));
      try {
        assert.equal(typeof readLoadReport(bytes).cpu_utilization, 'number');
      } catch (error) {
        assert.match(String(error), /^Error: no ORCA message: /);
      }
    }
  });

  it('with fields of other types leave those out', () => {
    // cpu_utilization as an integer, as text, as 4 bytes; a group is refused.
    for (const hex of ['0805', '0a03616263', '0d01020304']) {
      assert.equal(readLoadReport(Buffer.from(hex, 'hex')).cpu_utilization, 0);
    }
    assert.throws(() => readLoadReport(Buffer.from('0b', 'hex')), {
      message: 'no ORCA message: the wire type 3 is not known',
    });
  });
});

describe('a reader of reports', () => {
  it('is told nothing of bytes that are no report, and the call goes on', () => {
    const metadata = new Metadata();
    metadata.set(GRPC_METRICS_HEADER, Buffer.from('09ff', 'hex'));
    const listener = mock.fn();
    const after = mock.fn();
    createMetricsReader(listener, after)(0, '', metadata);
    assert.equal(listener.mock.callCount(), 0);
    assert.equal(after.mock.callCount(), 1);
  });
});

/** The server's end of a stream of reports. */
class Stream extends EventEmitter {
  readonly request: object;
  writes = 0;
  writable = true;

  constructor(request: object) {
    super();
    this.request = request;
  }

  write(): boolean {
    this.writes += 1;
    return this.writable;
  }
}

type StreamHandler = (stream: Stream) => void;

function handlerOf(recorder: ServerMetricRecorder): StreamHandler {
  let found: StreamHandler | undefined;
  const server = {
    addService(_service: object, handlers: { readonly StreamCoreMetrics: StreamHandler }): void {
      found = handlers.StreamCoreMetrics;
    },
  };
  recorder.addToServer(server as unknown as Server);
  assert.ok(found !== undefined);
  return found;
}

describe('a server that reports', () => {
  it('writes one report per interval, none while a client does not read, and stops at the end', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const handle = handlerOf(new ServerMetricRecorder());
    const stream = new Stream({ report_interval: { seconds: '1', nanos: 0 } });
    handle(stream);
    t.mock.timers.tick(2_000);
    const before = stream.writes;
    stream.writable = false;
    t.mock.timers.tick(5_000);
    assert.equal(stream.writes, before + 1);
    stream.writable = true;
    stream.emit('drain');
    t.mock.timers.tick(1_000);
    assert.equal(stream.writes, before + 2);
    stream.emit('cancelled', 'gone');
    t.mock.timers.tick(5_000);
    assert.equal(stream.writes, before + 2);
  });

  it('takes 30 seconds where a client asks for no interval, and no interval is too long', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const handle = handlerOf(new ServerMetricRecorder());
    const plain = new Stream({ report_interval: null });
    const long = new Stream({ report_interval: { seconds: '315576000000', nanos: 0 } });
    handle(plain);
    handle(long);
    const [first, second] = [plain.writes, long.writes];
    t.mock.timers.tick(29_999);
    assert.deepEqual([plain.writes, long.writes], [first, second]);
    t.mock.timers.tick(1);
    assert.deepEqual([plain.writes, long.writes], [first + 1, second]);
    plain.emit('close');
    long.emit('close');
  });
});
