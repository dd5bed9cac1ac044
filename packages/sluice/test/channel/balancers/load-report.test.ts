// Reading the load report at the end of a call: what counts, and what any bytes do. gRFC A51, A64.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadReportOf, readLoadReport } from '#sluice/channel/balancers/orca-report.js';
import { mulberry32 } from '../../support/random.js';
import { doubleField, reportTrailers } from './load-reports.js';

/** A field with a length in front of its value. */
function lengthField(field: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), value]);
}

const WHOLE = Buffer.concat([
  doubleField(1, 0.5),
  doubleField(2, 0.25),
  // rps_deprecated, ten bytes of varint.
  Buffer.from([3 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  lengthField(4, Buffer.concat([lengthField(1, Buffer.from('cost')), doubleField(2, 7)])),
  doubleField(6, 100),
  doubleField(7, 3),
  lengthField(8, doubleField(6, 999)),
  // A field of a later version, above 15, and one of four bytes.
  Buffer.from([0x81, 0x02, 1, 2, 3, 4, 5, 6, 7, 8, 0x55, 1, 2, 3, 4]),
]);

describe('a load report', () => {
  it('gives utilization, calls and errors per second; other fields are skipped', () => {
    assert.deepEqual(readLoadReport(WHOLE), { utilization: 0.5, qps: 100, eps: 3 });
    const own = Buffer.concat([WHOLE, doubleField(9, 0.75)]);
    assert.deepEqual(readLoadReport(own), { utilization: 0.75, qps: 100, eps: 3 });
    assert.deepEqual(readLoadReport(Buffer.alloc(0)), { utilization: 0, qps: 0, eps: 0 });
  });

  it('is found among the trailers of a call', () => {
    const report = { utilization: 0.5, qps: 10, eps: 1 };
    assert.deepEqual(loadReportOf(reportTrailers(10, 0.5, 1)), report);
    assert.equal(loadReportOf([]), undefined);
    assert.equal(loadReportOf(['x', 'endpoint-load-metrics-bin']), undefined);
    assert.equal(loadReportOf(['endpoint-load-metrics-bin', '%']), undefined);
  });

  it('is none where it ends within a field', () => {
    const ends = [9, 18, 29, 46, 55, 64, 75, 85];
    for (let end = 0; end < WHOLE.length; end += 1) {
      const report = readLoadReport(WHOLE.subarray(0, end));
      assert.equal(report !== undefined, end === 0 || ends.includes(end), String(end));
    }
  });

  it('is none with figures below 0 or beyond counting', () => {
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const field of [1, 6, 7]) {
        assert.equal(readLoadReport(doubleField(field, value)), undefined);
      }
    }
  });

  it('of any bytes throws nothing', () => {
    const random = mulberry32(7);
    for (let run = 0; run < 20_000; run += 1) {
      const bytes = Buffer.from(WHOLE);
      const cut = bytes.subarray(0, Math.floor(random() * (bytes.length + 1)));
      for (let change = 0; change < 3 && cut.length > 0; change += 1) {
        cut[Math.floor(random() * cut.length)] = Math.floor(random() * 256);
      }
      const report = readLoadReport(cut);
      if (report !== undefined) assert.ok(report.qps >= 0 && report.utilization >= 0);
    }
  });
});
