// Figures as a terminal has room for them, and text from elsewhere as a terminal may be given it. Pure.
// Invariant: whatever comes from the process that is looked at has no control character left.

/** `12,346`; `any` for Infinity. */
export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : 'any';
}

/** `512 B`, `16.4 kB`, `4.2 MB`, `1.30 GB`; powers of ten. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return 'any';
  if (value < 1e3) return `${Math.round(value)} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`;
}

/** `640 ms`, `2.3 s`, `4m10s`, `3h05m`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h${two(Math.floor(seconds / 60) % 60)}m`;
}

/** `0.3 ms`, `12 ms`; `-` where it was not measured. */
export function roundTrip(ms: number): string {
  if (ms <= 0) return '-';
  return ms < 10 ? `${ms.toFixed(1)} ms` : duration(ms);
}

/** A count with its noun. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Text without what a terminal would act on. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
