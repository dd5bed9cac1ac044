// The kernel's queues of a socket: the rows of its tables, and a real socket behind which nobody reads.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { kernelQueues, queuesIn, tableAddress } from '#sluice/transport/kernel-queues.js';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0100007F:C350 01 0000A000:00000010 01:00000014 00000000     0        0 2 1
   2: 0100007F:C350 0100007F:1F90 01 00000000:00027100 00:00000000 00000000     0        0 3 1
`;

describe('an address as the kernel writes it', () => {
  for (const [address, expected] of [
    ['127.0.0.1', '0100007F:1F90'],
    ['::1', '00000000000000000000000001000000:1F90'],
    ['::ffff:127.0.0.1', '0000000000000000FFFF00000100007F:1F90'],
    ['fe80::1:2%lo', '000080FE000000000000000002000100:1F90'],
    ['2001:db8:1:2:3:4:5:6', 'B80D0120020001000400030006000500:1F90'],
  ] as const) {
    it(address, () => assert.equal(tableAddress(address, 8_080, true), expected));
  }

  it('is in network order on a machine of big endians', () => {
    assert.equal(tableAddress('127.0.0.1', 8_080, false), '7F000001:1F90');
  });

  it('is none of a socket that has none', () => {
    assert.equal(tableAddress(undefined, 1), undefined);
  });
});

describe('the row of a connection', () => {
  it('is found by both ends', () => {
    assert.deepEqual(queuesIn(TABLE, '0100007F:1F90', '0100007F:C350'), {
      sendBytes: 40_960,
      receiveBytes: 16,
    });
    assert.equal(queuesIn(TABLE, '0100007F:C350', '0100007F:1F90')?.receiveBytes, 160_000);
  });

  it('that is not there, or no row, says nothing', () => {
    assert.equal(queuesIn(TABLE, '0100007F:0001', '0100007F:C350'), undefined);
    assert.equal(queuesIn(' a b 01', 'a', 'b'), undefined);
  });
});

describe('the queues of a socket', () => {
  it('are unknown where it is no TCP socket', () => {
    assert.equal(kernelQueues(new PassThrough()), undefined);
    assert.equal(kernelQueues(new net.Socket()), undefined);
  });

  it('grow while the other end does not read', { skip: process.platform !== 'linux' }, async () => {
    const listener = net.createServer({ pauseOnConnect: true });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const socket = net.connect(port, '127.0.0.1');
    const [accepted] = (await once(listener, 'connection')) as [net.Socket];
    // Far more than two kernels hold.
    socket.write(Buffer.alloc(40_000_000));
    while ((kernelQueues(socket)?.sendBytes ?? 0) === 0) await nextTurn();
    while ((kernelQueues(accepted)?.receiveBytes ?? 0) === 0) await nextTurn();
    socket.destroy();
    accepted.destroy();
    listener.close();
  });
});
