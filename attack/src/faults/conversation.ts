// The conversation that is broken at each of its frames: calls of every kind one after the other,
// then several together, with errors and cancellations among them.
// Invariant: a phase begins when every call of the one before has ended, so that frames come in about
// the same order each time. Not here: what breaks it (every-frame.ts).

import { type CallScript, FOREVER, PLAIN } from './call-script.ts';
import { type CallRecord, runTogether } from './scripted-call.ts';
import type { SubjectClient } from './subject.ts';

const NOT_FOUND = 5;
const ABORTED = 10;

/** A call that has not ended by then never will, as far as this is concerned. */
const PHASE_MS = 3_000;

const UPLOAD: CallScript = { ...PLAIN, kind: 'clientStreaming', requests: 6, requestBytes: 900 };
const DOWNLOAD: CallScript = { ...PLAIN, kind: 'serverStreaming', replies: 8, replyBytes: 900 };
const CHAT: CallScript = { ...PLAIN, kind: 'bidiStreaming', requests: 10, paced: true };

const PHASES: readonly (readonly CallScript[])[] = [
  [PLAIN],
  [{ ...PLAIN, code: NOT_FOUND }],
  [UPLOAD],
  [DOWNLOAD],
  [CHAT],
  [{ ...DOWNLOAD, replies: 3, cancelAfter: 3, holdMs: FOREVER }],
  [{ ...CHAT, replies: 4, code: ABORTED }],
  [PLAIN, { ...CHAT, requests: 6 }, UPLOAD, { ...DOWNLOAD, replyBytes: 9_000 }],
  [
    { ...PLAIN, holdMs: 4 },
    { ...CHAT, requests: 6, cancelAfter: 4 },
    { ...UPLOAD, code: ABORTED },
  ],
  [
    { ...UPLOAD, requestBytes: 20_000 },
    { ...PLAIN, replyBytes: 70_000 },
  ],
  [PLAIN, PLAIN, PLAIN],
];

/** How many calls a conversation has. */
export const CONVERSATION_CALLS: number = PHASES.reduce((sum, phase) => sum + phase.length, 0);

/** Holds the whole conversation, whatever becomes of its calls. */
export async function converse(client: SubjectClient, name: string): Promise<CallRecord[]> {
  const records: CallRecord[] = [];
  for (const [place, phase] of PHASES.entries()) {
    const calls = phase.map((script, index) => ({
      client,
      id: `${name}.${place}.${index}`,
      script,
    }));
    records.push(...(await runTogether(calls, PHASE_MS)));
    if (records.some((record) => record.ends === 0)) break;
  }
  return records;
}
