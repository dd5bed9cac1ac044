// The corpus: transcripts worth running each time, one file each, corpus/<target>/<name>.jsonl in the
// sources. What a fuzzer finds is written here, and is a test from its commit on.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTranscript, type Transcript, writeTranscript } from './transcript.js';

/** From dist-test/fuzz, where this runs. */
const FOLDER: string = fileURLToPath(new URL('../../test/fuzz/corpus/', import.meta.url));

export interface CorpusEntry {
  readonly name: string;
  readonly transcript: Transcript;
}

/** @throws when a file is no transcript */
export function readCorpus(target: string): CorpusEntry[] {
  const folder = join(FOLDER, target);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  return files.sort().map((file) => ({
    name: basename(file, '.jsonl'),
    transcript: readTranscript(readFileSync(join(folder, file), 'utf8')),
  }));
}

/** Adds a transcript; returns the path of its file. */
export function writeCorpus(target: string, transcript: Transcript): string {
  const text = writeTranscript(transcript);
  const name = `found-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.jsonl`;
  const folder = join(FOLDER, target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
