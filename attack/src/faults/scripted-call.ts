// Carries out the client's part of a call's script and keeps what became of it.
// Invariant: events after the first end are counted, not acted on.

import { CANCELLED, type CallScript, scriptHeader } from './call-script.ts';
import { monotonicMs } from './monotonic-clock.ts';
import type { CallEvents, OpenCall, SubjectClient } from './subject.ts';

/** What became of a call. Times are of `monotonicMs`. */
export interface CallRecord {
  readonly id: string;
  /** The status it would have without a fault. */
  readonly expected: number;
  /** How often it ended: 1, or somebody is at fault. */
  ends: number;
  code: number;
  details: string;
  messages: number;
  readonly expectedMessages: number;
  readonly startedMs: number;
  endedMs: number;
}

/** How many answers a call has that ends as its script says. */
function answersOf(script: CallScript): number {
  if (script.cancelAfter > 0) return script.cancelAfter;
  switch (script.kind) {
    case 'unary':
    case 'clientStreaming':
      return script.code === 0 ? 1 : 0;
    case 'serverStreaming':
      return script.replies;
    case 'bidiStreaming':
      return script.code === 0 ? script.requests : script.replies;
  }
}

export class ScriptedCall implements CallEvents {
  readonly record: CallRecord;
  private readonly script: CallScript;
  private readonly request: Buffer;
  private readonly onEnded: () => void;
  private call: OpenCall | undefined;
  private sent: number;

  /** @param onEnded called at the first end */
  constructor(id: string, script: CallScript, onEnded: () => void) {
    this.record = {
      id,
      expected: script.cancelAfter > 0 ? CANCELLED : script.code,
      ends: 0,
      code: -1,
      details: '',
      messages: 0,
      expectedMessages: answersOf(script),
      startedMs: monotonicMs(),
      endedMs: 0,
    };
    this.script = script;
    this.request = Buffer.alloc(script.requestBytes, 'q');
    this.onEnded = onEnded;
    this.call = undefined;
    this.sent = 0;
  }

  start(client: SubjectClient): void {
    const header = scriptHeader(this.record.id, this.script);
    this.call = client.open(this.script, header, this.request, this);
    this.sendMore();
  }

  cancel(): void {
    this.call?.cancel();
  }

  onMessage(): void {
    const { record, script } = this;
    record.messages += 1;
    if (record.messages === script.cancelAfter) this.call?.cancel();
    else if (script.paced) this.sendMore();
  }

  onWritable(): void {
    this.sendMore();
  }

  onEnd(code: number, details: string): void {
    const { record } = this;
    record.ends += 1;
    if (record.ends > 1) return;
    record.endedMs = monotonicMs();
    record.code = code;
    record.details = details;
    this.onEnded();
  }

  private sendMore(): void {
    const { script, call } = this;
    if (script.kind === 'unary' || script.kind === 'serverStreaming') return;
    if (call === undefined || this.record.ends > 0) return;
    while (this.sent < script.requests) {
      if (script.paced && this.sent > this.record.messages) return;
      this.sent += 1;
      const goOn = call.send(this.request);
      if (this.sent === script.requests) call.halfClose();
      else if (!goOn) return;
    }
  }
}

/** Resolves when all of these calls have ended, or after `withinMs` with those that have not. */
export function runTogether(
  calls: readonly {
    readonly client: SubjectClient;
    readonly id: string;
    readonly script: CallScript;
  }[],
  withinMs: number,
): Promise<CallRecord[]> {
  return new Promise((resolve) => {
    const records: CallRecord[] = [];
    let open = calls.length;
    const done = (): void => {
      clearTimeout(timer);
      resolve(records);
    };
    const timer = setTimeout(done, withinMs);
    for (const { client, id, script } of calls) {
      const call = new ScriptedCall(id, script, () => {
        open -= 1;
        if (open === 0) done();
      });
      records.push(call.record);
      call.start(client);
    }
  });
}
