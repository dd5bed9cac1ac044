// A worker thread of the fuzzers: runs the targets it is given one after the other, a slice at a time,
// and tells how far it is and what it found. A target with a finding is left for the next.

import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './corpus.js';
import { Execution, type Finding } from './execution.js';
import { targetOf } from './targets.js';
import { writeTranscript } from './transcript.js';

/** What one thread does of one target. */
export interface FuzzJob {
  readonly target: string;
  readonly seed: number;
  readonly executions: number;
  readonly ms: number;
}

export interface WorkerInput {
  readonly jobs: readonly FuzzJob[];
  /** Two numbers: the execution that runs, the job it is of. */
  readonly progress: Int32Array;
}

/** A finding as it goes between threads. */
export interface ToldFinding extends Omit<Finding, 'transcript'> {
  /** As in a file of the corpus. */
  readonly transcript: string;
}

export interface WorkerReport {
  readonly target: string;
  readonly executions: number;
  readonly spentMs: number;
  readonly slowestMs: number;
  readonly isDone: boolean;
  readonly finding: ToldFinding | undefined;
}

/** Executions between two looks at the clock and two turns of the event loop. */
const SLICE_MS = 250;

async function runJob(
  job: FuzzJob,
  progress: Int32Array,
  tell: (report: WorkerReport) => void,
): Promise<void> {
  const corpus = readCorpus(job.target).map((entry) => entry.transcript);
  const execution = new Execution(targetOf(job.target), job.seed, corpus, progress);
  const endMs = performance.now() + job.ms;
  for (let isDone = false; !isDone; ) {
    const now = performance.now();
    const left = job.executions - execution.executions;
    const found = execution.next(left, Math.min(endMs, now + SLICE_MS));
    isDone =
      found !== undefined || execution.executions >= job.executions || performance.now() >= endMs;
    const finding =
      found === undefined ? undefined : { ...found, transcript: writeTranscript(found.transcript) };
    const { executions, spentMs, slowestMs } = execution;
    tell({ target: job.target, executions, spentMs, slowestMs, isDone, finding });
    // What an execution left behind that throws later is to do so here.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function work(input: WorkerInput): Promise<void> {
  for (const [index, job] of input.jobs.entries()) {
    input.progress[1] = index;
    await runJob(job, input.progress, (report) => parentPort?.postMessage(report));
  }
}

// What main.ts passes is of this type; a thread has no other way in.
if (!isMainThread) void work(workerData as WorkerInput);
