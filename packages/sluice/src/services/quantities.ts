// Counts, bytes and times as a reader takes them in at a glance.
// Invariant: powers of ten, at most four digits in a row, and a unit that is spelled out by its sign.
// Not here: the page's own script, which has the same forms (page-script.ts).

const COUNT = /* @__PURE__ */ new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,346`; `any number` for Infinity. */
export function count(value: number): string {
  return Number.isFinite(value) ? COUNT.format(value) : 'any number';
}

/** `512 B`, `16.4 kB`, `4.2 MB`, `1.3 GB`; `any number of bytes` for Infinity. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return 'any number of bytes';
  if (value < 1e3) return `${Math.round(value)} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  if (value < 1e9) return `${(value / 1e6).toFixed(1)} MB`;
  return `${(value / 1e9).toFixed(2)} GB`;
}

/** `640 ms`, `2.3 s`, `4 min 10 s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A count with its noun: `1 call`, `2,000 calls`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A reading of a limit in its unit: bytes as such, anything else as a count. */
export function inUnit(value: number, unit: string): string {
  return unit === 'bytes' ? bytes(value) : `${count(value)} ${unit}`;
}
