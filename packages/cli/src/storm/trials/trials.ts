// The trials by their names, in the order they run, and how several of them run.
// Invariant: what becomes of one trial does not end the others.

import { ChildDied } from '../child.ts';
import { adaptiveTrial } from './adaptive-trial.ts';
import { budgetTrial } from './budget-trial.ts';
import { connectionsTrial } from './connections-trial.ts';
import { limitsTrial } from './limits-trial.ts';
import type { Trial, TrialContext, TrialOutcome } from './trial.ts';

export const TRIALS: readonly Trial[] = [limitsTrial, adaptiveTrial, connectionsTrial, budgetTrial];

/** What trials tell while they run. */
export interface TrialsView {
  run(title: string, seconds: number): void;
  say(text: string): void;
}

/** A process that dies or hangs is a result of its trial, and no end of the others. */
async function outcomeOf(trial: Trial, context: TrialContext): Promise<TrialOutcome> {
  try {
    return await trial.run(context);
  } catch (error) {
    if (!(error instanceof ChildDied)) throw error;
    const why = `a process ended: ${error.message}`;
    const { name } = trial;
    const promise = 'the trial runs to its end';
    return {
      report: { name, title: name, lead: '', sentence: `Not measured: ${why}.`, figures: {} },
      verdicts: [{ scenario: name, promise, held: false, figure: why, bar: 'all of it' }],
      charts: [],
    };
  }
}

/** Runs trials one after another. */
export async function runTrials(
  trials: readonly Trial[],
  context: TrialContext,
  view: TrialsView,
): Promise<TrialOutcome[]> {
  const outcomes: TrialOutcome[] = [];
  for (const trial of trials) {
    view.run(trial.name, trial.seconds);
    const outcome = await outcomeOf(trial, context);
    outcomes.push(outcome);
    view.say(`${trial.name}: ${outcome.report.sentence}`);
    for (const { held, promise, figure, bar } of outcome.verdicts) {
      if (!held) view.say(`  FAILED ${promise}: ${figure} (promised: ${bar})`);
    }
  }
  return outcomes;
}
