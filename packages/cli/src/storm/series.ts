// Samples as curves: what was offered, accepted, finished and refused per second, and the depths
// and memory, against seconds since the first load began. Pure; the report plots these as they are.

import type { Sample } from './protocol.ts';
import type { RunMeasured } from './run-runtime.ts';

/** Rates are means over this long, so that a 100 ms sample's jitter does not hide the curve. */
const RATE_WINDOW_MS = 500;

/** Curves over the same seconds; a depth a runtime does not show is null. */
export interface Series {
  seconds: number[];
  offered: number[];
  accepted: number[];
  finished: number[];
  refused: number[];
  inFlight: number[];
  openStreams: (number | null)[];
  waitingCalls: (number | null)[];
  queueItems: (number | null)[];
  queueBytes: (number | null)[];
  socketBytes: (number | null)[];
  rssMB: number[];
  /** Seconds in which a load ran: from, to. */
  loads: [number, number][];
  /** RSS before the load; null if the client died before it could be measured. */
  idleRssMB: number | null;
  /** Why the client died and when, which may be after its last sample; null if it lived. */
  crash: { why: string; second: number } | null;
}

/** Rates per second between two samples. */
export interface Rates {
  offered: number;
  accepted: number;
  finished: number;
  refused: number;
}

/** The rates between two samples of one client, the older first. */
export function ratesBetween(from: Sample, to: Sample): Rates {
  const seconds = (to.atMs - from.atMs) / 1000;
  if (seconds <= 0) return { offered: 0, accepted: 0, finished: 0, refused: 0 };
  const offered = (to.offered - from.offered) / seconds;
  const refused = (to.refused - from.refused) / seconds;
  return {
    offered,
    accepted: offered - refused - (to.heldBack - from.heldBack) / seconds,
    finished: (to.finished - from.finished) / seconds,
    refused,
  };
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}

/** The curves of one run. */
export function seriesOf(measured: RunMeasured): Series {
  const { samples, storms } = measured;
  const originMs = storms[0]?.fromMs ?? samples[0]?.atMs ?? 0;
  const series: Series = {
    seconds: [],
    offered: [],
    accepted: [],
    finished: [],
    refused: [],
    inFlight: [],
    openStreams: [],
    waitingCalls: [],
    queueItems: [],
    queueBytes: [],
    socketBytes: [],
    rssMB: [],
    loads: storms.map((storm) => [
      round((storm.fromMs - originMs) / 1000, 2),
      round((storm.toMs - originMs) / 1000, 2),
    ]),
    idleRssMB: measured.idle === null ? null : round(measured.idle.rss / 1e6, 1),
    crash: null,
  };
  let oldest = 0;
  for (const sample of samples) {
    while (sample.atMs - (samples[oldest]?.atMs ?? 0) > RATE_WINDOW_MS) oldest++;
    const rates = ratesBetween(samples[oldest] ?? sample, sample);
    series.seconds.push(round((sample.atMs - originMs) / 1000, 2));
    series.offered.push(Math.round(rates.offered));
    series.accepted.push(Math.round(rates.accepted));
    series.finished.push(Math.round(rates.finished));
    series.refused.push(Math.round(rates.refused));
    series.inFlight.push(sample.offered - sample.heldBack - sample.refused - sample.finished);
    series.openStreams.push(sample.openStreams);
    series.waitingCalls.push(sample.waitingCalls);
    series.queueItems.push(sample.queueItems);
    series.queueBytes.push(sample.queueBytes);
    series.socketBytes.push(sample.socketBytes);
    series.rssMB.push(round(sample.rss / 1e6, 1));
  }
  if (measured.crash !== null) {
    const last = series.seconds.at(-1) ?? 0;
    const second = round(Math.max(last, measured.crashSeconds ?? 0), 2);
    series.crash = { why: measured.crash, second };
    // A client that died under its first load told no end of it.
    if (storms.length === 0) series.loads.push([0, second]);
  }
  return series;
}
