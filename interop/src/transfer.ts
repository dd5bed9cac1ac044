// What the two ends of a transfer over the delaying link agree on: paths, sizes, commands.
// Invariant: both processes import it, so neither can drift.

import type { RuntimeStats } from 'sluice';
import type { WindowSample } from './line-process.ts';

/** Server streaming: the request says the message length and count, two uint32. */
export const DOWNLOAD_PATH = '/sluice.interop.Transfer/Download';

/** Client streaming: the answer says how many bytes came, one double. */
export const UPLOAD_PATH = '/sluice.interop.Transfer/Upload';

/** Bytes; above any message a case sends. */
export const MAX_MESSAGE: number = 64 * 1024 * 1024;

/** What the driver asks of an end. */
export type TransferCommand =
  | { readonly do: 'download' | 'upload'; readonly messageLength: number; readonly count: number }
  | { readonly do: 'samples' };

const SAMPLE_MS = 10;

/** Reads an end's windows from its first connection until stopped. */
export class WindowWatch {
  private readonly samples: WindowSample[];
  private readonly timer: NodeJS.Timeout;

  constructor(stats: () => RuntimeStats) {
    this.samples = [];
    this.timer = setInterval(() => {
      const connection = stats().connections[0];
      if (connection === undefined) return;
      const { bdpBytes, receiveWindow, exposureBytes, rttMs } = connection;
      this.samples.push({ atMs: Date.now(), bdpBytes, receiveWindow, exposureBytes, rttMs });
    }, SAMPLE_MS);
    this.timer.unref();
  }

  /** What was seen since the last call. */
  take(): WindowSample[] {
    return this.samples.splice(0);
  }
}
