// Messages too large for the event loop, on their way through Node's threads: few at a time, first
// come first served, whatever number of streams and connections of the process they belong to.
// Invariant: a job is finished once, after `run` returned, or dropped unstarted once its call is
// over; a codec that throws, or answers twice, breaks nothing.
// Not here: what is a large message (message-inflation.ts, message-deflation.ts).

import type { CodecDone } from '../grpc/compression-codec.ts';
import { MAX_COMPRESSION_JOBS } from './limits.ts';

/** One message. The methods but `start` must not throw. */
export interface CompressionJob {
  nextJob: CompressionJob | undefined;
  /** False once the call is over: the job is dropped if it has not started. */
  readonly isWanted: boolean;
  /** Hands the work to a thread. */
  start(done: CodecDone): void;
  /** The outcome: a result, or an error. */
  finish(error: Error | null, result: Uint8Array | undefined): void;
}

class CompressionJobs {
  private first: CompressionJob | undefined;
  private last: CompressionJob | undefined;
  private running: number;

  constructor() {
    this.first = undefined;
    this.last = undefined;
    this.running = 0;
  }

  /** Starts the job as soon as there is room. */
  add(job: CompressionJob): void {
    job.nextJob = undefined;
    if (this.last === undefined) this.first = job;
    else this.last.nextJob = job;
    this.last = job;
    this.startNext();
  }

  private startNext(): void {
    while (this.running < MAX_COMPRESSION_JOBS) {
      const job = this.first;
      if (job === undefined) return;
      this.first = job.nextJob;
      if (this.first === undefined) this.last = undefined;
      if (job.isWanted) this.start(job);
    }
  }

  // Large messages only: the closures do not count.
  private start(job: CompressionJob): void {
    this.running += 1;
    let isOpen = true;
    let isInside = true;
    const finish: CodecDone = (error, result) => {
      if (!isOpen) return;
      isOpen = false;
      this.running -= 1;
      job.finish(error, result);
      this.startNext();
    };
    const done: CodecDone = (error, result) => {
      // A codec without a thread answers at once; its call expects that `add` has returned.
      if (isInside) setImmediate(finish, error, result);
      else finish(error, result);
    };
    try {
      job.start(done);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
    isInside = false;
  }
}

/** The jobs of this process: its threads are shared by all connections. */
export const compressionJobs: CompressionJobs = new CompressionJobs();
