// From what was measured to the figures of the report. Pure: samples and phases in, numbers out.
// Memory comes in bytes and leaves in MB (10^6 bytes). Counts are over all storms, rates are the
// worst storm's.

import type { Sample } from './protocol.ts';
import type { RunMeasured, StormMeasured } from './run-runtime.ts';
import { STATUS_NAMES } from './status-name.ts';
import type { RuntimeFigures } from './storm-report.ts';

const MB = 1e6;

function live(sample: Sample | null): number {
  return sample === null ? 0 : (sample.heapUsed + sample.external) / MB;
}

function rss(sample: Sample | null): number {
  return sample === null ? 0 : sample.rss / MB;
}

/** The storms, or, for a client that died in its first, the part of it that was seen. */
function stormsSeen(measured: RunMeasured): readonly StormMeasured[] {
  const first = measured.samples[0];
  const last = measured.samples.at(-1);
  if (measured.storms.length > 0 || first === undefined || last === undefined) {
    return measured.storms;
  }
  return [
    {
      fromMs: first.atMs,
      toMs: last.atMs,
      loadSeconds: Math.max(0.1, (last.atMs - first.atMs) / 1000),
      offered: last.offered,
      ok: last.ok,
      kernelPeakRss: 0,
    },
  ];
}

/** Peak RSS of each storm in MB; a storm lasts until the next one begins. */
function peaks(measured: RunMeasured, storms: readonly StormMeasured[]): number[] {
  return storms.map((storm, index) => {
    const untilMs = storms[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
    let peak = storm.kernelPeakRss;
    for (const sample of measured.samples) {
      if (sample.atMs >= storm.fromMs && sample.atMs < untilMs) peak = Math.max(peak, sample.rss);
    }
    return peak / MB;
  });
}

/** The highest of one depth over the samples; null where the runtime shows none. */
function highest(
  samples: readonly Sample[],
  field: 'queueItems' | 'queueBytes' | 'waitingCalls',
): number | null {
  let top: number | null = null;
  for (const sample of samples) {
    const depth = sample[field];
    if (depth !== null && (top === null || depth > top)) top = depth;
  }
  return top;
}

/** What was left after the load; null where the runtime shows no depths. */
function depthsAfter(sample: Sample | null): Record<string, number> | null {
  if (sample === null) return null;
  const { queueItems, queueBytes, socketBytes, openStreams, waitingCalls } = sample;
  if (
    queueItems === null ||
    queueBytes === null ||
    socketBytes === null ||
    openStreams === null ||
    waitingCalls === null
  ) {
    return null;
  }
  return { queueItems, queueBytes, socketBytes, openStreams, waitingCalls };
}

function statusCounts(statuses: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [code, calls] of statuses.entries()) {
    if (calls > 0) counts[STATUS_NAMES[code] ?? `code ${code}`] = calls;
  }
  return counts;
}

function statusDetails(details: readonly string[]): Record<string, string> {
  const named: Record<string, string> = {};
  for (const [code, text] of details.entries()) {
    if (text !== undefined && text !== '') named[STATUS_NAMES[code] ?? `code ${code}`] = text;
  }
  return named;
}

function worst(rates: readonly number[]): number {
  return rates.length === 0 ? 0 : Math.min(...rates);
}

/** The figures of one runtime under one scenario. */
export function figuresOf(measured: RunMeasured): RuntimeFigures {
  const { idle, after, last, samples, crash } = measured;
  const storms = stormsSeen(measured);
  const offered = last?.offered ?? 0;
  const refused = last?.refused ?? 0;
  const finished = last?.finished ?? 0;
  const heldBack = last?.heldBack ?? 0;
  const peaksMB = peaks(measured, storms);
  const peakRssMB = Math.max(0, ...peaksMB);
  return {
    achievedOfferedRps: worst(storms.map((storm) => storm.offered / storm.loadSeconds)),
    offered,
    heldBack,
    accepted: offered - refused - heldBack,
    finished,
    refused,
    refusedBy: last?.refusedBy ?? {},
    lost: offered - refused - heldBack - finished,
    statuses: statusCounts(last?.statuses ?? []),
    statusDetails: statusDetails(last?.firstDetails ?? []),
    peakClosedLoopRps: measured.peakClosedLoopRps,
    goodputRps: worst(storms.map((storm) => storm.ok / storm.loadSeconds)),
    p50Ms: last?.p50Ms ?? 0,
    p99Ms: last?.p99Ms ?? 0,
    messageP50Ms: last?.messageP50Ms ?? null,
    messageP99Ms: last?.messageP99Ms ?? null,
    beside: last?.beside ?? null,
    unloadedP99Ms: measured.unloadedP99Ms,
    idleRssMB: rss(idle),
    peakRssMB,
    rssGrowthMB: peakRssMB - rss(idle),
    rssAfterMB: rss(after),
    idleLiveMB: live(idle),
    liveAfterMB: live(after),
    peaksMB,
    peakQueueItems: highest(samples, 'queueItems'),
    peakQueueBytes: highest(samples, 'queueBytes'),
    peakWaitingCalls: highest(samples, 'waitingCalls'),
    depthsAfter: depthsAfter(after),
    crashed: crash !== null,
    crash,
  };
}
