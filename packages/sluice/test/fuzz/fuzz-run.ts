// A run of the fuzzers over several worker threads: shares the work out, adds up the figures, watches for
// an execution that never ends, and writes what is found into the corpus.

import { Worker } from 'node:worker_threads';
import { readCorpus, writeCorpus } from './corpus.js';
import { Execution } from './execution.js';
import type { FuzzJob, ToldFinding, WorkerReport } from './fuzz-worker.js';
import { targetOf } from './targets.js';
import { readTranscript, writeTranscript } from './transcript.js';

/** Milliseconds after which an execution, its shrinking included, hangs. */
const HANG_MS = 60_000;
const LOOK_MS = 2_000;

export interface RunOptions {
  readonly targets: readonly string[];
  /** Of all targets together; Infinity for no limit. */
  readonly executions: number;
  readonly seconds: number;
  readonly workers: number;
  readonly seed: number;
}

export interface TargetFigures {
  readonly target: string;
  executions: number;
  /** Over all threads, ms of their time. */
  spentMs: number;
  slowestMs: number;
  crashes: number;
}

export interface RunResult {
  readonly seed: number;
  readonly workers: number;
  readonly seconds: number;
  readonly figures: readonly TargetFigures[];
  readonly findings: readonly (ToldFinding & { readonly file: string })[];
}

export class FuzzRun {
  private readonly options: RunOptions;
  private readonly figures: Map<string, TargetFigures> = new Map();
  private readonly findings: (ToldFinding & { readonly file: string })[] = [];

  constructor(options: RunOptions) {
    this.options = options;
    for (const target of options.targets) {
      this.figures.set(target, { target, executions: 0, spentMs: 0, slowestMs: 0, crashes: 0 });
    }
  }

  async run(): Promise<RunResult> {
    const begun = performance.now();
    const { workers, seed } = this.options;
    const threads: Promise<void>[] = [];
    for (let thread = 0; thread < workers; thread++) threads.push(this.thread(thread));
    await Promise.all(threads);
    const seconds = (performance.now() - begun) / 1000;
    return { seed, workers, seconds, figures: [...this.figures.values()], findings: this.findings };
  }

  /** For people who wait. */
  describe(): string {
    const parts = [...this.figures.values()].filter(({ executions }) => executions > 0);
    return parts.map(({ target, executions }) => `${target} ${executions}`).join(', ');
  }

  private jobs(thread: number): FuzzJob[] {
    const { executions, seconds, seed, targets, workers } = this.options;
    const shares = targets.reduce((sum, name) => sum + targetOf(name).share, 0);
    return targets.map((target) => ({
      target,
      seed: (seed + thread * 0x1000_0001) >>> 0,
      executions: Math.ceil((executions * targetOf(target).share) / shares / workers),
      ms: (seconds * 1000) / targets.length,
    }));
  }

  private thread(index: number): Promise<void> {
    const jobs = this.jobs(index);
    const progress = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./fuzz-worker.js', import.meta.url), {
      workerData: { jobs, progress },
    });
    const told = new Map<string, WorkerReport>();
    return new Promise((resolve) => {
      let last = -1;
      let lastMs = performance.now();
      const watch = setInterval(() => {
        const now = (progress[1] ?? 0) * 2 ** 31 + (progress[0] ?? 0);
        if (now !== last) lastMs = performance.now();
        last = now;
        if (performance.now() - lastMs < HANG_MS) return;
        this.lost(jobs, progress, `an execution does not end within ${HANG_MS} ms`);
        void worker.terminate();
      }, LOOK_MS);
      worker.on('message', (report: WorkerReport) => {
        this.add(report, told.get(report.target));
        told.set(report.target, report);
      });
      worker.on('error', (error) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.lost(jobs, progress, `thrown outside of an execution: ${text}`);
      });
      worker.on('exit', () => {
        clearInterval(watch);
        resolve();
      });
    });
  }

  private add(report: WorkerReport, before: WorkerReport | undefined): void {
    const figures = this.figures.get(report.target);
    if (figures === undefined) return;
    figures.executions += report.executions - (before?.executions ?? 0);
    figures.spentMs += report.spentMs - (before?.spentMs ?? 0);
    figures.slowestMs = Math.max(figures.slowestMs, report.slowestMs);
    if (report.finding !== undefined) this.found(report.finding);
  }

  private found(finding: ToldFinding): void {
    const figures = this.figures.get(finding.target);
    if (figures !== undefined) figures.crashes++;
    const file = writeCorpus(finding.target, readTranscript(finding.transcript));
    this.findings.push({ ...finding, file });
  }

  /** A thread is gone: what it was at is made up again, and kept as it is. */
  private lost(jobs: readonly FuzzJob[], progress: Int32Array, error: string): void {
    const job = jobs[progress[1] ?? 0];
    if (job === undefined) return;
    const number = progress[0] ?? 0;
    const corpus = readCorpus(job.target).map((entry) => entry.transcript);
    const made = new Execution(targetOf(job.target), job.seed, corpus).transcript(number);
    const transcript = writeTranscript(made);
    this.found({
      target: job.target,
      seed: job.seed,
      execution: number,
      error,
      afterMs: 0,
      transcript,
    });
  }
}
