// Who is an outlier: the two algorithms of outlier_detection, run at the end of each interval.
// Invariants: no backend is ejected beyond the largest share, but one may always be; a backend that
// is ejected already is not judged. gRFC A50, "Success Rate Algorithm", "Failure Percentage
// Algorithm". Not here: counting (outlier-endpoint.ts), intervals (outlier-detection.ts).

import type {
  FailurePercentageEjection,
  OutlierConfig,
  SuccessRateEjection,
} from './outlier-config.ts';
import type { OutlierEndpoint } from './outlier-endpoint.ts';

/** One sweep over all backends of a policy. */
export interface Sweep {
  readonly endpoints: readonly OutlierEndpoint[];
  readonly config: OutlierConfig;
  readonly nowMs: number;
  /** 0 <= x < 1. */
  readonly random: () => number;
}

/** Ejects the outliers of the last interval, and lets those back whose time is over. */
export function sweep(run: Sweep): void {
  const { endpoints, config, nowMs } = run;
  for (const endpoint of endpoints) endpoint.swapCounts();
  if (config.successRate !== undefined) ejectBySuccessRate(run, config.successRate);
  if (config.failurePercentage !== undefined) ejectByFailures(run, config.failurePercentage);
  for (const endpoint of endpoints) {
    endpoint.recover(nowMs, config.baseEjectionMs, config.mostEjectionMs);
  }
}

function ejectBySuccessRate(run: Sweep, ejection: SuccessRateEjection): void {
  const judged = run.endpoints.filter(({ volume }) => volume >= ejection.requestVolume);
  if (judged.length === 0 || judged.length < ejection.leastHosts) return;
  const rates = judged.map(successRate);
  const mean = rates.reduce((sum, rate) => sum + rate) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  const least = mean - Math.sqrt(variance) * (ejection.stdevFactor / 1_000);
  for (const endpoint of judged) {
    if (successRate(endpoint) < least) mayEject(run, endpoint, ejection.enforcementPercent);
  }
}

function ejectByFailures(run: Sweep, ejection: FailurePercentageEjection): void {
  if (run.endpoints.length < ejection.leastHosts) return;
  for (const endpoint of run.endpoints) {
    const { volume, failures } = endpoint;
    if (volume === 0 || volume < ejection.requestVolume) continue;
    const percent = (100 * failures) / volume;
    if (percent > ejection.threshold) mayEject(run, endpoint, ejection.enforcementPercent);
  }
}

function successRate({ successes, volume }: OutlierEndpoint): number {
  return volume === 0 ? 1 : successes / volume;
}

function mayEject(run: Sweep, endpoint: OutlierEndpoint, enforcementPercent: number): void {
  const { endpoints, config, nowMs, random } = run;
  if (endpoint.ejectedAtMs !== undefined) return;
  const ejected = endpoints.filter(({ ejectedAtMs }) => ejectedAtMs !== undefined).length;
  const percent = (100 * ejected) / endpoints.length;
  if (ejected > 0 && percent >= config.mostEjectedPercent) return;
  if (Math.floor(random() * 100) < enforcementPercent) endpoint.eject(nowMs);
}
