// Whoever waits is told when what it waits for has come, though nothing else happens meanwhile.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { ClientEnd } from '../support/client-end.js';
import { request, ServerEnd } from '../support/server-end.js';

describe('a connection on which nothing happens but the end of a wait', () => {
  it('tells of capacity when the socket has taken the bytes that held a call back', async () => {
    const end = await ClientEnd.ready(
      {},
      { limits: { queuedBytes: 25_000 }, outgoing: { capacity: 1_000 } },
    );
    const open = end.open();
    end.peer.socket.pause();
    open.send(Buffer.alloc(10_000));
    await end.turns.settle();
    const { admission, connection } = end.transport;
    assert.equal(connection.loopy.state, 'parked', 'all is with the socket');
    assert.equal(admission.refuses(20_000), 'queued-bytes');
    end.events.length = 0;
    end.transport.notifyCapacity();
    end.peer.socket.resume();
    await end.settle();
    assert.equal(admission.refuses(20_000), undefined);
    assert.deepEqual(end.events, ['capacity']);
    open.stream.cancel();
    await end.finish();
  });

  it('reads on after a slice of work while both peers stand still', async () => {
    // The clock moves on while a call is dispatched, so each call ends a slice.
    const end = await ServerEnd.ready(
      {},
      {
        outgoing: { capacity: 1_000 },
        transport: { minPingIntervalMs: 1, permitPingsWithoutStream: true },
      },
    );
    end.handler = () => end.clock.advance(6);
    end.peer.socket.pause();
    // A response too large for the socket blocks loopy; the pings close the gate.
    end.peer.headers(1, request());
    await end.settle();
    end.call(0).send(Buffer.alloc(60_000));
    end.peer.windowUpdate(0, 1_000_000).windowUpdate(1, 1_000_000);
    await end.settle();
    for (let i = 0; i < 8; i += 1) end.call(0).send(Buffer.alloc(60_000));
    await end.settle();
    const { connection } = end.transport;
    assert.equal(connection.loopy.state, 'blocked-on-socket');
    for (let i = 0; i < 60; i += 1) end.peer.settings();
    await end.settle();
    assert.equal(connection.reader.gate, 'closed');
    end.clock.advance(1_100);
    await end.settle();
    // The standstill reads on by now; these two are dispatched in two slices.
    end.peer.headers(3, request()).headers(5, request()).headers(7, request());
    await end.settle();
    assert.equal(end.calls.length, 4);
    for (const call of end.calls) {
      call.release();
      call.stream.reset(ErrorCode.CANCEL);
    }
    end.peer.socket.resume();
    await end.finish();
  });
});
