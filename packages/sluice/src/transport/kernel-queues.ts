// The kernel's own queues of one TCP socket, as netstat shows them: what was written and the peer has
// not acknowledged, and what came and this process has not read.
// Invariants: read only when somebody asks to explain, never for a call; says nothing rather than
// something wrong. Linux only: /proc/net/tcp and tcp6 (man 5 proc, `proc_net`).
// Not here: what the figures mean to a call (stall.ts).

import { readFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import type { Duplex } from 'node:stream';

/** Bytes that the kernel holds of one socket. */
export interface KernelQueues {
  /** Written, and not acknowledged by the peer's kernel. */
  readonly sendBytes: number;
  /** Come, and not read by this process. */
  readonly receiveBytes: number;
}

/** Those of a TCP socket, also under TLS; undefined for others, and where they cannot be read. */
export function kernelQueues(socket: Duplex): KernelQueues | undefined {
  if (process.platform !== 'linux' || !(socket instanceof net.Socket)) return undefined;
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const local = tableAddress(localAddress, localPort);
  const remote = tableAddress(remoteAddress, remotePort);
  if (local === undefined || remote === undefined) return undefined;
  const table = net.isIPv6(localAddress ?? '') ? '/proc/net/tcp6' : '/proc/net/tcp';
  try {
    return queuesIn(readFileSync(table, 'latin1'), local, remote);
  } catch {
    // No /proc, or not ours to read: nothing is known.
    return undefined;
  }
}

/** The row of a connection in a table of the kernel; `local` and `remote` as it writes them. */
export function queuesIn(table: string, local: string, remote: string): KernelQueues | undefined {
  const at = table.indexOf(` ${local} ${remote} `);
  if (at < 0) return undefined;
  // "... local remote state tx_queue:rx_queue ...", all in hexadecimal.
  const row = table.slice(at + local.length + remote.length + 3, at + 200);
  const found = /^[0-9A-F]{2} ([0-9A-F]{8}):([0-9A-F]{8}) /.exec(row);
  if (found === null) return undefined;
  const [, sent = '', received = ''] = found;
  return { sendBytes: Number.parseInt(sent, 16), receiveBytes: Number.parseInt(received, 16) };
}

/** An address as /proc/net/tcp has it: words of 4 bytes in the order of the machine, then the port. */
export function tableAddress(
  address: string | undefined,
  port: number | undefined,
  littleEndian: boolean = os.endianness() === 'LE',
): string | undefined {
  if (address === undefined || port === undefined) return undefined;
  const bytes = net.isIPv4(address) ? bytesOfV4(address) : bytesOfV6(address);
  let text = '';
  for (let word = 0; word < bytes.length; word += 4) {
    for (let i = 0; i < 4; i += 1)
      text += hex(bytes[littleEndian ? word + 3 - i : word + i] ?? 0, 2);
  }
  return `${text}:${hex(port, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

function bytesOfV4(address: string): number[] {
  return address.split('.').map(Number);
}

// As node:net gives them: valid, perhaps with a zone, perhaps with an IPv4 address at the end.
function bytesOfV6(address: string): number[] {
  const [plain = ''] = address.split('%');
  const [head = '', tail] = plain.split('::');
  const before = bytesOfGroups(head);
  if (tail === undefined) return before;
  const after = bytesOfGroups(tail);
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function bytesOfGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return bytesOfV4(group);
    const value = Number.parseInt(group, 16);
    return [value >>> 8, value & 0xff];
  });
}
