// The load of the graceful-restart example: callers that call without a pause, and count.

import { type Channel, createClient, StatusError } from 'sluice';
import { ReportService } from './gen/report_pb.ts';

/** Calls from the start to `stop`. */
export class Load {
  readonly failures: StatusError[] = [];
  private readonly answers = new Map<string, number>();
  private readonly callers: Promise<void>[];
  private stopped = false;
  private onAnswer: () => void = () => {};

  /** @param callers calls that are open at any time */
  constructor(channel: Channel, callers: number) {
    this.callers = Array.from({ length: callers }, () => this.callOn(channel));
  }

  private async callOn(channel: Channel): Promise<void> {
    const reports = createClient(ReportService, channel, { timeoutMs: 5_000 });
    while (!this.stopped) {
      try {
        const { replica, version } = await reports.getReport({ customer: 'Ada' });
        this.count(version);
        this.count(`${replica} ${version}`);
        this.onAnswer();
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        this.failures.push(error);
      }
    }
  }

  private count(key: string): void {
    this.answers.set(key, this.answersOf(key) + 1);
  }

  /** @param key a version, `v1`, or a replica and its version, `replica-1 v1` */
  answersOf(key: string): number {
    return this.answers.get(key) ?? 0;
  }

  /** Resolves when one more answer of these has come. */
  async nextAnswerOf(key: string): Promise<void> {
    const before = this.answersOf(key);
    while (this.answersOf(key) === before) {
      await new Promise<void>((resolve) => {
        this.onAnswer = resolve;
      });
    }
  }

  /** Resolves when the calls that are open have ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.callers);
  }
}
