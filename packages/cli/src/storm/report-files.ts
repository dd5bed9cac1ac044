// The files a storm leaves behind: the figures as JSON, the report as HTML. Whether they can be
// written is asked before the storm, since a minute of measuring must not be lost to a wrong path.

import { spawn } from 'node:child_process';
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve as resolvePath } from 'node:path';
import type { Chart } from './charts.ts';
import { htmlReport, readPlotLibrary } from './html-report.ts';
import type { StormOptions } from './options.ts';
import { SCENARIOS } from './scenarios.ts';
import type { StormReport } from './storm-report.ts';

function whyNot(file: string): string | null {
  const path = resolvePath(file);
  const folder = dirname(path);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory() === true) return 'is a folder; name a file in it';
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return `cannot be written: there is no folder ${folder}; make it first`;
  }
  try {
    accessSync(there === undefined ? folder : path, constants.W_OK);
    return null;
  } catch {
    return `cannot be written: no permission for ${there === undefined ? folder : path}`;
  }
}

/** Why the reports cannot be written, naming the option; null if they can. */
export function reportFault(options: StormOptions): string | null {
  const files: readonly (readonly [string, string | null])[] = [
    ['--json', options.jsonFile],
    ['--html', options.htmlFile],
  ];
  for (const [option, file] of files) {
    const why = file === null ? null : whyNot(file);
    if (why !== null) return `${option} ${file} ${why}`;
  }
  return null;
}

/** Opens a file in a browser where there is one; what comes of it is nobody's concern. */
function openInBrowser(file: string): void {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(opener, [file], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}

/** Writes the reports and says where they are. */
export function writeReports(
  options: StormOptions,
  report: StormReport,
  charts: readonly Chart[],
): void {
  if (options.jsonFile !== null) {
    writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    process.stdout.write(`figures: ${resolvePath(options.jsonFile)}\n`);
  }
  writeFileSync(options.htmlFile, htmlReport(SCENARIOS, report, charts, readPlotLibrary()));
  process.stdout.write(`curves:  ${resolvePath(options.htmlFile)}\n`);
  if (options.opens && process.stdout.isTTY) openInBrowser(resolvePath(options.htmlFile));
}
