// What the compiler says of calls by path and by method. Nothing here runs but the compiler; each
// line that must not compile says so.

import { test } from 'node:test';
import type { Channel } from '#sluice/index.js';
import { jsonMethod } from '../support/json-method.js';

interface Question {
  readonly text: string;
}

interface Answer {
  readonly length: number;
}

const UNARY = jsonMethod<Question, Answer>('/test.Typed/Unary', 'unary');
const STREAM = jsonMethod<Question, Answer>('/test.Typed/Stream', 'bidiStreaming');
const BYTES = new Uint8Array(1);

async function byPath(channel: Channel): Promise<Buffer> {
  // @ts-expect-error A path takes bytes.
  await channel.unary('/s/m', { text: '' });
  // @ts-expect-error Each message of a path is bytes.
  channel.bidiStreaming('/s/m', [{ text: '' }]);
  for await (const message of channel.serverStreaming('/s/m', BYTES)) {
    // @ts-expect-error What a path gives is a Buffer.
    void message.square;
    void message.readUInt8(0);
  }
  const answer: Buffer = await channel.clientStreaming('/s/m', [BYTES]);
  return answer;
}

async function byMethod(channel: Channel): Promise<Answer> {
  // @ts-expect-error A method takes its own messages.
  await channel.unary(UNARY, BYTES);
  // @ts-expect-error A request lacks its field.
  await channel.unary(UNARY, {});
  // @ts-expect-error Requests are messages of the method.
  channel.bidiStreaming(STREAM, [{ size: 1 }]);
  for await (const answer of channel.bidiStreaming(STREAM, [{ text: '' }])) {
    // @ts-expect-error What a method gives is its answer.
    void answer.text;
    void answer.length;
  }
  // @ts-expect-error Options are known by name.
  await channel.unary(UNARY, { text: '' }, { timeout: 1 });
  const answer: Answer = await channel.unary(UNARY, { text: '' }, { timeoutMs: 1 });
  return answer;
}

test('calls by path and by method are typed', () => {
  void byPath;
  void byMethod;
});
