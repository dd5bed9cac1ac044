// The load of the graceful-restart example: callers that call without a pause, and count.

import { type Channel, createClient, StatusError } from 'sluice';
import { ReportService } from './gen/report_pb.ts';

/** Calls from the start to `stop`. */
export class Load {
  readonly failures: StatusError[] = [];
  private readonly answers = new Map<string, number>();
  private readonly callers: Promise<void>[];
  private stopped = false;

  /** @param callers calls that are open at any time */
  constructor(channel: Channel, callers: number) {
    this.callers = Array.from({ length: callers }, () => this.callOn(channel));
  }

  private async callOn(channel: Channel): Promise<void> {
    const reports = createClient(ReportService, channel, { timeoutMs: 5_000 });
    while (!this.stopped) {
      try {
        const { version } = await reports.getReport({ customer: 'Ada' });
        this.answers.set(version, this.answersOf(version) + 1);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        this.failures.push(error);
      }
    }
  }

  /** How often this version has answered. */
  answersOf(version: string): number {
    return this.answers.get(version) ?? 0;
  }

  /** Resolves when the calls that are open have ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.callers);
  }
}
