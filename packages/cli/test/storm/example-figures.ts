// Figures and samples in which every promise holds, for tests to plant a failure in.

import type { Sample } from '../../dist/storm/protocol.js';
import type { RuntimeFigures, ScenarioReport, StormReport } from '../../dist/storm/storm-report.js';

export function heldFigures(): RuntimeFigures {
  return {
    achievedOfferedRps: 99_000,
    offered: 1_200_000,
    accepted: 130_000,
    finished: 130_000,
    refused: 1_070_000,
    refusedBy: { 'open-calls': 1_000_000, 'waiting-calls': 70_000 },
    lost: 0,
    statuses: { OK: 130_000, RESOURCE_EXHAUSTED: 1_070_000 },
    statusDetails: { RESOURCE_EXHAUSTED: 'refused by the open-calls limit: 10 of 10' },
    peakClosedLoopRps: 80_000,
    goodputRps: 9900,
    p50Ms: 900,
    p99Ms: 1000,
    unloadedP99Ms: 2,
    idleRssMB: 100,
    peakRssMB: 150,
    rssGrowthMB: 50,
    rssAfterMB: 140,
    idleLiveMB: 10,
    liveAfterMB: 11,
    peaksMB: [145, 150, 149],
    peakQueueItems: 100,
    peakQueueBytes: 4096,
    peakWaitingCalls: 4096,
    heldBack: 0,
    messageP50Ms: null,
    messageP99Ms: null,
    beside: null,
    depthsAfter: { queueItems: 0, queueBytes: 0, socketBytes: 0, openStreams: 0, waitingCalls: 0 },
    crashed: false,
    crash: null,
  };
}

export function sampleAt(atMs: number, changes: Partial<Sample>): Sample {
  return {
    atMs,
    offered: 0,
    heldBack: 0,
    finished: 0,
    ok: 0,
    refused: 0,
    refusedBy: {},
    statuses: [],
    firstDetails: [],
    p50Ms: 0,
    p99Ms: 0,
    messageP50Ms: null,
    messageP99Ms: null,
    beside: null,
    rss: 100e6,
    heapUsed: 8e6,
    external: 2e6,
    queueItems: 0,
    queueBytes: 0,
    socketBytes: 0,
    openStreams: 0,
    waitingCalls: 0,
    connections: 1,
    concurrencyLimit: null,
    ...changes,
  };
}

export function scenarioReport(runtimes: Record<string, RuntimeFigures>): ScenarioReport {
  return { name: 'slow-server', serverCapacityRps: 10_000, offeredRps: 100_000, runtimes };
}

export function stormReport(scenarios: ScenarioReport[]): StormReport {
  return {
    held: true,
    versions: { node: '20.20.2', sluice: '0.1.0' },
    generatorCeilingRps: 5_000_000,
    verdicts: [],
    scenarios,
  };
}
