// What one execution of a fuzzer is made of: steps in a row, each a word and its arguments. Every
// transcript is an input of every target: steps that mean nothing are passed over and arguments that
// are missing read as nothing, so whatever shrinking or mutation leaves can be run.
// On disk it is JSON Lines, one step to a line; bytes are {"hex": "..."}, or {"byte": 0, "times": 900}.

export type Argument = number | string | Buffer;

/** A word first, then its arguments. */
export type Step = readonly Argument[];

export type Transcript = readonly Step[];

/** Bytes from which on a repeated one is written once. */
const LEAST_TIMES = 16;

const NO_BYTES: Buffer = Buffer.alloc(0);

/** The word that says what a step is. */
export function wordOf(step: Step): string {
  const word = step[0];
  return typeof word === 'string' ? word : '';
}

/** An argument that is an integer from 0 to `most`; what is none, or is outside, is brought there. */
export function numberAt(step: Step, at: number, most: number): number {
  const value = step[at];
  if (typeof value !== 'number' || !(value > 0)) return 0;
  return Math.min(Math.floor(value), most);
}

export function bytesAt(step: Step, at: number): Buffer {
  const value = step[at];
  return Buffer.isBuffer(value) ? value : NO_BYTES;
}

export function textAt(step: Step, at: number): string {
  const value = step[at];
  return typeof value === 'string' ? value : '';
}

/** The arguments from `at` on that are texts, an even number of them: fields. */
export function fieldsFrom(step: Step, at: number): string[] {
  const fields: string[] = [];
  for (let i = at; i + 1 < step.length; i += 2) fields.push(textAt(step, i), textAt(step, i + 1));
  return fields;
}

/** JSON Lines: one step to a line. */
export function writeTranscript(transcript: Transcript): string {
  return transcript.map((step) => `${JSON.stringify(step.map(written))}\n`).join('');
}

function written(argument: Argument): unknown {
  if (!Buffer.isBuffer(argument)) return argument;
  const byte = argument[0] ?? 0;
  const isUniform = argument.length >= LEAST_TIMES && argument.every((each) => each === byte);
  return isUniform ? { byte, times: argument.length } : { hex: argument.toString('hex') };
}

/** @throws SyntaxError for a line that is no JSON, TypeError for one that is no step */
export function readTranscript(text: string): Transcript {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const step: unknown = JSON.parse(line);
    if (!Array.isArray(step)) throw new TypeError(`a step is a list: ${line}`);
    return step.map(argumentOf);
  });
}

function argumentOf(value: unknown): Argument {
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) {
    if ('hex' in value && typeof value.hex === 'string') return Buffer.from(value.hex, 'hex');
    if ('byte' in value && 'times' in value) {
      return Buffer.alloc(Number(value.times), Number(value.byte));
    }
  }
  throw new TypeError(`no argument: ${JSON.stringify(value)}`);
}
