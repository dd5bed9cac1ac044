// What a call with a stream waits for, by `explain()` and by the error of its deadline: a call on a
// channel that the test plays, over a real transport, against a peer that the test plays too.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClientCall } from '#sluice/channel/call.js';
import type { CallPlacer } from '#sluice/channel/call-handle.js';
import { CredentialsLine } from '#sluice/channel/credentials-line.js';
import type { Status } from '#sluice/grpc/status.js';
import { defaultClientLimits } from '#sluice/transport/limits.js';
import type { StallReason } from '#sluice/transport/stall.js';
import { ClientEnd, statusName } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';

const TIMEOUT_MS = 2_000;
const RESPONSE = [':status', '200', 'content-type', 'application/grpc'];

/** Opens calls at once. */
function placerOf(end: ClientEnd): CallPlacer {
  const { wheel, transport } = end;
  return {
    target: 'test',
    wheel,
    callDefaults: {
      authority: 'test',
      security: 'none',
      credentials: undefined,
      compress: undefined,
      maxSendMessageLength: Number.POSITIVE_INFINITY,
      interceptors: undefined,
    },
    counts: { started: 0, succeeded: 0, failed: 0 },
    credentialsLine: new CredentialsLine(defaultClientLimits, wheel, () => {}),
    settingsOf: () => undefined,
    retryOf: () => undefined,
    place: (call) => assert.ok(call.open(transport, undefined)),
    onHeld() {},
    withdraw() {},
    stallOf: (): StallReason => assert.fail('no call waits in a line'),
  };
}

class TestCall {
  readonly call: ClientCall;
  end = '';

  constructor(end: ClientEnd, message?: Buffer, demand = 100) {
    this.call = new ClientCall(placerOf(end), '/s/m', { timeoutMs: TIMEOUT_MS }, this);
    this.call.request(demand);
    this.call.start(message);
  }

  onHeader(): void {}
  onMessage(): void {}
  onWritable(): void {}
  onEnd(code: Status, details: string): void {
    this.end = `${statusName(code)}: ${details}`;
  }
}

/**
 * After so many ms of waiting both say the same, but for how long it was.
 * @param text with `<ms>` for the milliseconds that it waited
 */
function explains(end: ClientEnd, call: TestCall, text: string): void {
  const quiet = end.clock.now();
  end.clock.advance(400);
  assert.equal(call.call.explain(), `waited ${text.replaceAll('<ms>', '400')}`);
  end.clock.advance(TIMEOUT_MS);
  const ms = Number(/waited (\d+) ms/.exec(call.end)?.[1]);
  const late = TIMEOUT_MS - quiet;
  assert.ok(ms >= late && ms <= late + 16, `${ms} of ${late}`);
  const sentence = `waited ${text.replaceAll('<ms>', String(ms))}`;
  assert.equal(call.end, `DEADLINE_EXCEEDED: deadline of ${TIMEOUT_MS} ms exceeded; ${sentence}`);
  assert.equal(call.call.explain(), 'the call is over');
}

describe('explain() and the deadline error of a call name', () => {
  it("the peer's window of its stream", async () => {
    const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 1_000 });
    const call = new TestCall(end, Buffer.alloc(4_000));
    await end.settle();
    explains(
      end,
      call,
      "<ms> ms for the server's WINDOW_UPDATE of stream 1, 3005 bytes wait here; it goes on as the server's handler reads this call's messages",
    );
    await end.finish();
  });

  it('that, and what came and is not read here', async () => {
    const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 1_000 });
    const call = new TestCall(end, Buffer.alloc(4_000), 0);
    await end.settle();
    end.peer.headers(1, RESPONSE).data(1, framed('unread'));
    await end.settle();
    explains(
      end,
      call,
      "<ms> ms for the server's WINDOW_UPDATE of stream 1, 3005 bytes wait here; it goes on as the server's handler reads this call's messages, which may wait for 11 bytes to be read here",
    );
    await end.finish();
  });

  it("the peer's window of the connection", async () => {
    const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 1_000_000 });
    const other = end.unary('o'.repeat(65_530));
    await end.settle();
    const call = new TestCall(end, Buffer.alloc(4_000));
    await end.settle();
    explains(
      end,
      call,
      "<ms> ms for the server's WINDOW_UPDATE of the connection, 4005 bytes wait here and 1 stream waits; it goes on as the server reads messages of any call",
    );
    other.stream.cancel();
    await end.finish();
  });

  it('the socket that takes no bytes', async () => {
    const end = await ClientEnd.ready(
      { INITIAL_WINDOW_SIZE: 10_000_000 },
      { outgoing: { capacity: 100_000 } },
    );
    end.peer.windowUpdate(0, 10_000_000);
    await end.settle();
    end.peer.socket.pause();
    const call = new TestCall(end, Buffer.alloc(2_000_000));
    await end.settle();
    const { socketBytes } = end.transport.connection;
    end.clock.advance(400);
    assert.equal(
      call.call.explain(),
      `waited 400 ms for the socket, which takes no bytes: ${socketBytes} bytes wait in this process; it goes on as the server's process reads, or the network delivers`,
    );
    end.clock.advance(TIMEOUT_MS);
    assert.match(call.end, /^DEADLINE_EXCEEDED: .*; waited 2\d+ ms for the socket, /);
    end.peer.socket.resume();
    await end.finish();
  });

  it("the server's handler", async () => {
    const end = await ClientEnd.ready();
    const call = new TestCall(end, Buffer.from('x'));
    await end.settle();
    end.clock.advance(400);
    assert.equal(
      call.call.explain(),
      "waited 400 ms for the server's handler, to which the whole request was sent; it goes on as the handler answers",
    );
    end.clock.advance(TIMEOUT_MS);
    assert.match(
      call.end,
      /^DEADLINE_EXCEEDED: deadline of 2000 ms exceeded; waited 20\d\d ms for the server's handler, to which the whole request was sent, and nothing at all has come from the server for 20\d\d ms; it goes on as the handler answers$/,
    );
    await end.finish();
  });

  it('its own request, while that has not ended', async () => {
    const end = await ClientEnd.ready();
    const call = new TestCall(end);
    await end.settle();
    explains(
      end,
      call,
      "<ms> ms for this call's own request, which has not ended; it goes on as the caller sends a message or ends the request, or as the server answers",
    );
    await end.finish();
  });

  it('the next message of a response that has begun', async () => {
    const end = await ClientEnd.ready();
    const call = new TestCall(end, Buffer.from('x'));
    await end.settle();
    end.clock.advance(100);
    end.peer.headers(1, RESPONSE).data(1, framed('one'));
    await end.settle();
    explains(
      end,
      call,
      "<ms> ms for the server's handler, which has begun to answer; it goes on as the handler sends a message or ends the call",
    );
    await end.finish();
  });

  it('the rest of a message', async () => {
    const end = await ClientEnd.ready();
    const call = new TestCall(end, Buffer.from('x'));
    await end.settle();
    end.peer.headers(1, RESPONSE).data(1, framed('a long message').subarray(0, 12));
    await end.settle();
    explains(
      end,
      call,
      '<ms> ms for the rest of a response message, 7 bytes have come; it goes on as the server sends on',
    );
    await end.finish();
  });

  it('its own caller, who does not read', async () => {
    const end = await ClientEnd.ready();
    const call = new TestCall(end, Buffer.from('x'), 0);
    await end.settle();
    end.peer.headers(1, RESPONSE).data(1, framed('unread'));
    await end.settle();
    explains(
      end,
      call,
      '<ms> ms for its own caller to ask for the next message, 11 bytes have come; it goes on as the caller reads',
    );
    await end.finish();
  });

  it('the room for large messages, which older ones take', async () => {
    const end = await ClientEnd.ready({}, { limits: { exposureBytes: 200_000 } });
    const older = end.unary();
    const call = new TestCall(end, Buffer.from('x'));
    await end.settle();
    const part = framed('x'.repeat(300_000)).subarray(0, 65_535);
    for (const id of [1, 3]) {
      end.peer.headers(id, RESPONSE);
      for (let at = 0; at < part.length; at += 16_384) {
        end.peer.data(id, part.subarray(at, at + 16_384));
        await end.settle();
      }
    }
    explains(
      end,
      call,
      '<ms> ms for the room for large messages, 200000 bytes, which older messages take; it goes on as those come in whole; raise limits.exposureBytes, or send fewer large messages at once',
    );
    older.stream.cancel();
    await end.finish();
  });

  it('the event loop of this process, and not the server, when that was blocked', async () => {
    const end = await ClientEnd.ready();
    const call = new TestCall(end, Buffer.from('x'));
    await end.settle();
    end.clock.stall(TIMEOUT_MS + 1_500);
    assert.match(
      call.end,
      /^DEADLINE_EXCEEDED: deadline of 2000 ms exceeded; this process's event loop was blocked for \d+ of the 3500 ms, until just now, so what came meanwhile may not have been read; look for synchronous work$/,
    );
    await end.finish();
  });
});
