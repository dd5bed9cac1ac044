// Row 16, connections that never become one of HTTP/2: idle TCP, half a TLS handshake, half a preface,
// 500 of each. They cost the attacker nothing, so they may cost the server little, and not for long.
// What they hold is measured while all of them are open.

import { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { PREFACE } from '../wire/frames.ts';
import { type Address, openSocket } from '../wire/raw-peer.ts';

const EACH = 500;
/** So many at a time, about 1,000 a second: the kernel's queue of connections holds more. */
const BATCH = 25;
const BATCH_MS = 25;
const CLOSED_MS = 10_000;
const TOLERANCE_MS = 1_000;
/** When all of them are open and none is closed. */
const HELD_MS = 6_000;
const KB_EACH = 20;
/** Octets of the preface that are sent: half. */
const HALF_PREFACE = PREFACE.subarray(0, PREFACE.length / 2);

/** What is sent over TCP, to a port with TLS too. */
interface Kind {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A ClientHello as node:tls writes it: the first flight, caught before it reaches a socket. */
export function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const wire = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        parts.push(chunk);
        done();
      },
    });
    const socket = connectTls({ socket: wire, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    socket.on('error', () => {});
    setImmediate(() => {
      resolve(Buffer.concat(parts));
      wire.destroy();
    });
  });
}

/** Opens `EACH` of each kind; each pushes the milliseconds after which it was closed. */
async function open(address: Address, kinds: readonly Kind[], closed: number[]): Promise<number> {
  const plain: Address = { port: address.port, trusted: undefined };
  let opened = 0;
  for (const { bytes } of kinds) {
    for (let i = 0; i < EACH; i += BATCH) {
      const sockets = Array.from({ length: BATCH }, async () => {
        const startedMs = performance.now();
        const socket = await openSocket(plain);
        socket.on('error', () => {});
        socket.resume();
        socket.once('close', () => closed.push(performance.now() - startedMs));
        if (bytes.length > 0) socket.write(bytes);
        opened += 1;
      });
      await Promise.all(sockets);
      await pause(BATCH_MS);
    }
  }
  return opened;
}

function attackBy(kindsOf: (hello: Buffer) => readonly Kind[]): Attack {
  return async (address) => {
    const kinds = kindsOf(await clientHello());
    const closed: number[] = [];
    const startedMs = performance.now();
    const opened = await open(address, kinds, closed);
    const openMs = performance.now() - startedMs;
    const untilMs = performance.now() + CLOSED_MS + 2 * TOLERANCE_MS;
    while (closed.length < opened && performance.now() < untilMs) await pause(50);
    return {
      opened,
      openedWithinS: Math.round(openMs / 10) / 100,
      closed: closed.length,
      firstClosedS: Math.round(Math.min(...closed) / 10) / 100,
      lastClosedS: Math.round(Math.max(...closed) / 10) / 100,
    };
  };
}

const NOTHING = Buffer.alloc(0);
const IDLE: Kind = { name: 'idle TCP', bytes: NOTHING };

export const attacks: AttackModule['attacks'] = {
  plain: attackBy(() => [IDLE, { name: 'half a preface', bytes: HALF_PREFACE }]),
  // The half that costs a server most: it has answered, with its certificate and a signature.
  handshake: attackBy((hello) => [IDLE, { name: 'half a TLS handshake', bytes: hello }]),
};

function row(attack: string, tls: boolean, kinds: number, what: string): Row {
  return floodRow({
    row: 16,
    name: what,
    direction: 'server',
    tls,
    expected: `500 of each: closed after 10 s +- 1 s, at most ${KB_EACH} KB of live memory each while they are open`,
    module: import.meta.url,
    attack,
    seconds: 14,
    heldAfterMs: HELD_MS,
    counters: ['handshake-timeout'],
    judge: ({ seen, heldMB }) => {
      const faults: string[] = [];
      const wanted = kinds * EACH;
      const openedMs = Number(seen.openedWithinS) * 1000;
      if (openedMs > HELD_MS) faults.push(`memory was measured before ${wanted} were open`);
      if (seen.closed !== wanted) faults.push(`${seen.closed} of ${wanted} were closed`);
      if (!(Number(seen.firstClosedS) * 1000 >= CLOSED_MS - TOLERANCE_MS)) {
        faults.push(`the first was closed after ${seen.firstClosedS} s`);
      }
      if (!(Number(seen.lastClosedS) * 1000 <= CLOSED_MS + TOLERANCE_MS)) {
        faults.push(`the last was closed after ${seen.lastClosedS} s`);
      }
      const each = (heldMB * 1000) / wanted;
      if (each > KB_EACH) faults.push(`${each.toFixed(1)} KB for each`);
      return faults;
    },
  });
}

export const rows: readonly Row[] = [
  row('plain', false, 2, 'idle TCP, half a preface'),
  row('handshake', true, 2, 'idle TCP, half a TLS handshake'),
];
