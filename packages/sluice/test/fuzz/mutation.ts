// Changes a transcript a little without knowing what it means: steps lost, doubled and swapped, numbers
// and bytes off by some. It keeps fuzzing near what is known to be of interest, the corpus.

import type { Dice } from '../model/dice.js';
import type { Argument, Step, Transcript } from './transcript.js';

const NUMBERS = [0, 1, 2, 7, 100, 255, 16_383, 16_384, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31];

export function mutated(transcript: Transcript, dice: Dice): Transcript {
  const steps: Step[] = [...transcript];
  for (let left = 1 + dice.int(4); left > 0 && steps.length > 0; left--) {
    const at = dice.int(steps.length);
    const step = steps[at] ?? [];
    const choice = dice.int(8);
    if (choice === 0) steps.splice(at, 1);
    else if (choice === 1) steps.splice(dice.int(steps.length + 1), 0, step);
    else if (choice === 2) steps.splice(at, 0, ...steps.slice(at, at + 1 + dice.int(4)));
    else if (choice === 3) steps.push(...steps.splice(at, 1));
    else steps[at] = mutatedStep(step, dice);
  }
  return steps;
}

function mutatedStep(step: Step, dice: Dice): Step {
  if (step.length < 2) return step;
  const at = 1 + dice.int(step.length - 1);
  const changed = [...step];
  if (dice.chance(0.1)) changed.splice(at, 1);
  else changed[at] = mutatedArgument(step[at] ?? 0, dice);
  return changed;
}

function mutatedArgument(argument: Argument, dice: Dice): Argument {
  if (typeof argument === 'number') {
    if (dice.chance(0.3)) return dice.among(NUMBERS) ?? 0;
    return Math.max(0, argument + dice.pick(-1, 1, -2, 2, 8, -8, 256, argument));
  }
  if (typeof argument === 'string') {
    const at = dice.int(argument.length + 1);
    const inserted = dice.chance(0.5) ? String.fromCharCode(dice.int(256)) : '';
    return argument.slice(0, at) + inserted + argument.slice(at + dice.int(2));
  }
  if (argument.length === 0 || dice.chance(0.2)) {
    return Buffer.concat([argument, Buffer.of(dice.int(256))]);
  }
  if (dice.chance(0.2)) return argument.subarray(0, dice.int(argument.length));
  const bytes = Buffer.from(argument);
  const at = dice.int(bytes.length);
  bytes[at] = dice.chance(0.5) ? dice.int(256) : (bytes[at] ?? 0) ^ (1 << dice.int(8));
  return bytes;
}
