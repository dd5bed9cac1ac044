import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLoad, runTransfer } from '../../dist/hosts/loads.js';
import { messageOf } from '../../dist/hosts/payload.js';
import {
  readOrder,
  STREAM_MESSAGES,
  type TrafficClient,
  writeIntake,
} from '../../dist/hosts/traffic.js';

/** A client whose answers are right, unless a test says otherwise. */
function fakeClient(answers: Partial<TrafficClient>): TrafficClient {
  return {
    unary: async (request) => request,
    async download(order, onMessage) {
      const { first, count, length } = readOrder(order);
      for (let i = 0; i < count; i += 1) onMessage(messageOf(first + i, length));
    },
    async upload(next) {
      let messages = 0;
      while (next() !== undefined) messages += 1;
      return writeIntake({ right: messages, messages });
    },
    ...answers,
  };
}

test('right answers count with their bytes', async () => {
  for (const direction of ['download', 'upload'] as const) {
    const result = await runTransfer(fakeClient({}), direction, 64, 10);
    assert.deepEqual([result.calls, result.bytes, result.wrong, result.failed], [1, 640, 0, 0]);
  }
});

test('an answer with one byte changed is wrong and counts no bytes', async () => {
  let asked = 0;
  const client = fakeClient({
    async unary(request) {
      asked += 1;
      const answer = Buffer.from(request);
      answer[10] = (answer[10] ?? 0) ^ 1;
      return answer;
    },
  });
  const result = await runLoad(client, 'unary', 1, 0.001, 64);
  assert.equal(result.wrong, asked);
  assert.equal(result.bytes, 0);
});

test('messages that are missing, or come twice, are wrong', async () => {
  const lossy = fakeClient({
    async download(order, onMessage) {
      const { first, length } = readOrder(order);
      onMessage(messageOf(first, length));
      onMessage(messageOf(first, length));
    },
  });
  const result = await runTransfer(lossy, 'download', 64, 10);
  assert.equal(result.bytes, 64);
  assert.equal(result.wrong, 9);
});

test('an upload of which the server missed messages is wrong', async () => {
  const lossy = fakeClient({
    upload: async () => writeIntake({ right: STREAM_MESSAGES - 2, messages: STREAM_MESSAGES - 1 }),
  });
  const result = await runTransfer(lossy, 'upload', 64, STREAM_MESSAGES);
  assert.equal(result.wrong, 2);
});

test('a call that fails is told with what the first of them said', async () => {
  const failing = fakeClient({ download: () => Promise.reject(new Error('14 UNAVAILABLE')) });
  const result = await runTransfer(failing, 'download', 64, 10);
  assert.deepEqual([result.calls, result.failed, result.firstFault], [0, 1, '14 UNAVAILABLE']);
});
