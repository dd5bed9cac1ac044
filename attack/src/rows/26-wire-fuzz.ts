// Row 26, the part that every runtime can be put to: thousands of damaged conversations over sockets,
// the same by their seeds, against a server that a good client uses at the same time.
// What counts is that it lives, throws nothing, holds no memory, and goes on answering.

import { setTimeout as pause } from 'node:timers/promises';
import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { message, requestBlock } from '../wire/frames.ts';
import { fuzzedConversation } from '../wire/fuzzed-conversation.ts';
import { Probe } from '../wire/probe.ts';
import { type Address, openSocket } from '../wire/raw-peer.ts';

const CONNECTIONS = 6_000;
const AT_ONCE = 16;
const SECONDS = 20;
/** What a server may take to answer damage, where it answers at all. */
const LINGER_MS = 40;

/** Writes one conversation, and goes when the server does, or soon after. */
async function converse(address: Address, seed: number): Promise<void> {
  const socket = await openSocket(address);
  let closed = false;
  socket.on('error', () => {});
  socket.once('close', () => {
    closed = true;
  });
  socket.resume();
  for (const chunk of fuzzedConversation(seed)) {
    if (closed || !socket.writable) break;
    socket.write(chunk);
    if (seed % 4 === 0) await pause(0);
  }
  for (let i = 0; i < 4 && !closed; i += 1) await pause(LINGER_MS / 4);
  socket.destroy();
}

const fuzz: Attack = async (address) => {
  const untilMs = performance.now() + SECONDS * 1000;
  let next = 1;
  let refused = 0;
  const line = async (): Promise<void> => {
    while (next <= CONNECTIONS && performance.now() < untilMs) {
      const seed = next;
      next += 1;
      await converse(address, seed).catch(() => {
        refused += 1;
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  const probe = await Probe.connect(address);
  const answer = await probe.ask(requestBlock(ECHO), message(Buffer.from('hello')));
  probe.end();
  return { connections: next - 1, refused, afterwards: answer.text };
};

export const attacks: AttackModule['attacks'] = { fuzz };

export const rows: readonly Row[] = [
  floodRow({
    row: 26,
    name: 'fuzz of conversations over sockets',
    direction: 'server',
    tls: false,
    expected: '6,000 damaged conversations: no crash, no error uncaught, good calls go on',
    module: import.meta.url,
    attack: 'fuzz',
    seconds: SECONDS,
    // Hundreds of connections a second, each garbage when it is over: the bar of the floods is not
    // this row's. What stays is held to theirs.
    growthMB: 96,
    counters: ['protocol-errors'],
    // Damage runs into any limit that a frame can.
    mayAct: [
      'caused-resets',
      'continuations',
      'empty-data',
      'glitches',
      'handshake-timeout',
      'header-block',
      'header-list',
      'header-list-hard',
      'message-length',
      'ping-strikes',
      'premature-resets',
      'settings-entries',
      'streams',
    ],
    judge: ({ seen }) => [
      ...(seen.afterwards === 'status 0' ? [] : [`a good call afterwards: ${seen.afterwards}`]),
      ...(seen.refused === 0 ? [] : [`${seen.refused} connections were refused`]),
    ],
  }),
];
