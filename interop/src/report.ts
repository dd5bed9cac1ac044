// The result of an interop run: one line per case, as JSON and as a table.
// Invariant: a skipped case is named with its reason and is never counted as passed.

/** One case of the report; the shape scripts rely on. */
export interface InteropResult {
  readonly case: string;
  readonly client: string;
  readonly server: string;
  readonly tls: boolean;
  readonly result: 'pass' | 'fail' | 'skipped';
  /** Why it failed or was skipped; what was measured, where a passed case measures. */
  readonly why: string | null;
}

/** `npm run interop -- --json FILE` writes this. */
export type InteropReport = InteropResult[];

/** A run holds when nothing failed; what was skipped says so itself. */
export function held(report: InteropReport): boolean {
  return report.every((one) => one.result !== 'fail');
}

function line(one: InteropResult): string {
  const wire = one.tls ? 'TLS' : 'plain';
  const why = one.why === null ? '' : `  ${one.why}`;
  return `  ${one.case}  (${one.client} -> ${one.server}, ${wire})${why}`;
}

function section(title: string, rows: readonly InteropResult[]): string[] {
  return rows.length === 0 ? [] : ['', title, ...rows.map(line)];
}

/** `h2spec/4.1/1` belongs to h2spec; a case with a name of one part to the two that ran it. */
function groupOf(one: InteropResult): string {
  const parts = one.case.split('/');
  const group = parts.length === 1 ? `${one.client} -> ${one.server}` : (parts[0] ?? '');
  return `${group} ${one.tls ? 'TLS' : 'plain'}`;
}

/** Characters of the longest group there is. */
const GROUP_WIDTH = 26;

/** Counts per group, then every case that failed, was skipped, or measured something. */
export function formatReport(report: InteropReport): string {
  const counts = new Map<string, { pass: number; fail: number; skipped: number }>();
  for (const one of report) {
    const count = counts.get(groupOf(one)) ?? { pass: 0, fail: 0, skipped: 0 };
    count[one.result] += 1;
    counts.set(groupOf(one), count);
  }
  const table = [...counts].map(
    ([group, { pass, fail, skipped }]) =>
      `  ${group.padEnd(GROUP_WIDTH)}${String(pass).padStart(6)}${String(fail).padStart(8)}${String(skipped).padStart(9)}`,
  );
  const measured = report.filter((one) => one.result === 'pass' && one.why !== null);
  return [
    `  ${'group'.padEnd(GROUP_WIDTH)}${'pass'.padStart(6)}${'fail'.padStart(8)}${'skipped'.padStart(9)}`,
    ...table,
    ...section(
      'failed:',
      report.filter((one) => one.result === 'fail'),
    ),
    ...section(
      'skipped, not run:',
      report.filter((one) => one.result === 'skipped'),
    ),
    ...section('measured:', measured),
  ].join('\n');
}
