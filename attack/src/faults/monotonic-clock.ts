// Milliseconds on a clock that all processes of this machine share, so that what one of them did can
// be set against what another one saw. Never compared with the time of day.

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
