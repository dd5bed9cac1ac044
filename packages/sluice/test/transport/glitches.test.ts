// The budget for what is legal and of no use: what counts, what is free, and that a peer which works
// never meets it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Flags } from '#sluice/frames/flags.js';
import { FrameType } from '#sluice/frames/frame-type.js';
import { GlitchBudget } from '#sluice/transport/glitch-budget.js';
import { GLITCH_BURST, LATE_FRAMES_PER_STREAM } from '#sluice/transport/limits.js';
import { ClientEnd } from '../support/client-end.js';
import { framed, type MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const HEAD = [':status', '200', 'content-type', 'application/grpc'];
const TRAILERS = ['grpc-status', '0'];

type Send = (peer: MockPeer) => unknown;

const pingAck: Send = (peer) => peer.ping(1, 1, true);
const settingsAck: Send = (peer) => peer.settingsAck();
const settings: Send = (peer) => peer.settings({ INITIAL_WINDOW_SIZE: 65_535 });

/** Sends in chunks until the connection ends, and tells how often it did. */
async function flood(
  end: ServerEnd | ClientEnd,
  send: Send,
  most: number,
  atOnce = 1_000,
): Promise<number> {
  let sent = 0;
  while (sent < most && end.closedBy === undefined) {
    for (let i = 0; i < atOnce; i += 1) send(end.peer);
    sent += atOnce;
    await end.settle();
    end.peer.take();
  }
  return sent;
}

/** Why the connection ended, or undefined. */
function ending(end: ServerEnd | ClientEnd): string | undefined {
  return end.closedBy?.reason;
}

function assertGlitches(end: ServerEnd | ClientEnd): void {
  assert.match(end.closedBy?.reason ?? '', /^glitches: more than 10000 frames of no use/);
  assert.equal(end.transport.connection.limits.acted.of('glitches'), 1);
}

async function closing(end: ServerEnd | ClientEnd): Promise<void> {
  if (end instanceof ServerEnd) for (const call of end.calls) call.end();
  await end.settle();
  await end.finish();
}

/** A server whose first call was answered; the client has not ended it where `early`. */
async function answered(early = false): Promise<ServerEnd> {
  const end = await ServerEnd.ready();
  end.handler = (call) => call.end();
  end.peer.headers(1, request(), { endStream: !early });
  await end.settle();
  end.peer.take();
  return end;
}

describe('a server ends a connection that brings more of no use than the burst', () => {
  for (const [name, send] of [
    ['PING acknowledgements of no ping', pingAck],
    ['SETTINGS acknowledgements of no SETTINGS', settingsAck],
    ['SETTINGS, again and again', settings],
  ] as const) {
    it(name, async () => {
      const end = await ServerEnd.ready();
      const sent = await flood(end, send, 20_000);
      assert.equal(sent, GLITCH_BURST + 1_000);
      assertGlitches(end);
      await closing(end);
    });
  }

  for (const [name, send, late] of [
    ['WINDOW_UPDATE', (peer) => peer.windowUpdate(1, 1), LATE_FRAMES_PER_STREAM],
    ['RST_STREAM', (peer) => peer.rstStream(1, 8), LATE_FRAMES_PER_STREAM],
    ['HEADERS', (peer) => peer.headers(1, request()), LATE_FRAMES_PER_STREAM / 128],
  ] as const satisfies readonly (readonly [string, Send, number])[]) {
    it(`${name} for a stream that is over, past ${late} of them`, async () => {
      const end = await answered(true);
      const sent = await flood(end, send, 20_000, 100);
      assert.equal(sent, Math.ceil((GLITCH_BURST + late + 1) / 100) * 100);
      assertGlitches(end);
      await closing(end);
    });
  }

  it('DATA for a stream that is over, past what its window lets through', async () => {
    const end = await answered(true);
    // One byte each: 65,535 of them were on their way for all we know.
    const sent = await flood(end, (peer) => peer.data(1, 'x'), 100_000);
    assert.equal(sent, 76_000);
    assertGlitches(end);
    await closing(end);
  });

  it('credit of a byte for a stream that waits for it', async () => {
    const end = await ServerEnd.ready({ INITIAL_WINDOW_SIZE: 0 });
    end.handler = (call) => {
      call.send(Buffer.alloc(100_000));
    };
    end.peer.headers(1, request(), { endStream: true });
    await end.settle();
    // In turns of their own: what comes before the byte was written is one credit.
    let sent = 0;
    for (; sent < 20_000 && end.closedBy === undefined; sent += 1) {
      end.peer.windowUpdate(1, 1).flush();
      await new Promise(setImmediate);
      end.turns.run();
    }
    assertGlitches(end);
    end.peer.take();
    await closing(end);
  });
});

describe('a client ends a connection that brings more of no use than the burst', () => {
  for (const [name, send] of [
    ['pings that nothing was sent for', (peer) => peer.ping(1, 1)],
    ['PING acknowledgements of no ping', pingAck],
    ['SETTINGS, again and again', settings],
    ['HEADERS for a call that is over', (peer) => peer.headers(1, TRAILERS, { endStream: true })],
    ['DATA for a call that is over', (peer) => peer.data(1, 'x'.repeat(1_000))],
  ] as const satisfies readonly (readonly [string, Send])[]) {
    it(name, async () => {
      const end = await ClientEnd.ready();
      const call = end.open();
      await end.settle();
      end.peer.headers(1, HEAD);
      await end.settle();
      call.stream.cancel();
      await end.settle();
      const sent = await flood(end, send, 20_000);
      assert.equal(sent, GLITCH_BURST + 1_000);
      assertGlitches(end);
      await closing(end);
    });
  }

  it('informational headers without end', async () => {
    const end = await ClientEnd.ready();
    const call = end.unary();
    await end.settle();
    const sent = await flood(end, (peer) => peer.headers(1, [':status', '103']), 20_000);
    assert.equal(sent, GLITCH_BURST + 1_000);
    assert.match(call.events.join(), /^end UNAVAILABLE: glitches: /);
    await closing(end);
  });
});

describe('what is free', () => {
  it('100,000 PRIORITY frames and frames of unknown types', async () => {
    const end = await ServerEnd.ready();
    const priority = Buffer.from('0000000310', 'hex');
    for (let i = 0; i < 50_000; i += 1) {
      end.peer.frame(FrameType.PRIORITY, 0, 1, priority).frame(0x77, 0, 1, Buffer.alloc(8));
    }
    await end.settle();
    assert.equal(end.closedBy, undefined);
    assert.equal(end.transport.connection.limits.glitches.depth(0), 0);
    await closing(end);
  });

  it('credit that a client gives for each call after its end, at any rate', async () => {
    const end = await ServerEnd.ready();
    end.handler = (call) => {
      call.send('x'.repeat(1_000));
      call.end();
    };
    // No time passes: nothing is refilled by it.
    for (let id = 1; id < 40_001; id += 2) {
      end.peer.headers(id, request(), { endStream: true });
      if (id > 200) end.peer.windowUpdate(id - 200, 1_005).windowUpdate(0, 1_005);
      if (id % 200 === 1) await end.settle();
    }
    end.peer.windowUpdate(0, 1_000_000);
    await end.settle();
    assert.equal(end.calls.length, 20_000);
    assert.equal(end.closedBy, undefined);
    assert.equal(end.transport.connection.limits.glitches.depth(0), 0);
    await closing(end);
  });

  it('a reset that crosses the end of its call, of every call', async () => {
    const end = await ServerEnd.ready();
    end.handler = (call) => call.end();
    for (let id = 1; id < 60_001; id += 2) {
      end.peer.headers(id, request());
      if (id > 200) end.peer.rstStream(id - 200, ErrorCode.CANCEL);
      if (id % 200 === 1) await end.settle();
    }
    await end.settle();
    assert.equal(end.closedBy, undefined);
    assert.equal(end.transport.connection.limits.glitches.depth(0), 0);
    assert.equal(end.transport.prematureResets.used, 0);
    await closing(end);
  });

  it('what a server has on its way for a call that is cancelled, in the smallest of frames', async () => {
    const end = await ClientEnd.ready();
    for (let id = 1; id < 21; id += 2) {
      const call = end.open();
      await end.settle();
      end.peer.headers(id, HEAD);
      await end.settle();
      call.stream.cancel();
      for (let i = 0; i < 6_000; i += 1) end.peer.data(id, framed('12345'));
      end.peer.headers(id, TRAILERS, { endStream: true });
      await end.settle();
    }
    assert.equal(end.closedBy, undefined);
    assert.equal(end.transport.connection.limits.glitches.depth(0), 0);
    await closing(end);
  });

  it('a ping of a server for each message that is sent to it, as BDP estimators do', async () => {
    const end = await ClientEnd.ready();
    const call = end.open();
    await end.settle();
    for (let i = 0; i < 15_000; i += 1) {
      call.send('x');
      end.turns.run();
      end.peer.windowUpdate(0, 6).windowUpdate(1, 6).ping(1, i).flush();
      await new Promise(setImmediate);
    }
    await end.settle();
    end.peer.take();
    assert.equal(end.closedBy, undefined);
    assert.ok(end.transport.connection.limits.glitches.depth(0) < 10);
    call.stream.cancel();
    await closing(end);
  });
});

describe('the budget', () => {
  it('takes 330 more each second', () => {
    const budget = new GlitchBudget();
    for (let i = 0; i < GLITCH_BURST; i += 1) assert.equal(budget.take(0), true);
    assert.equal(budget.take(0), false);
    assert.equal(Math.round(budget.depth(1_000)), GLITCH_BURST + 1 - 330);
    for (let i = 0; i < 329; i += 1) assert.equal(budget.take(1_000), true);
    assert.equal(budget.take(1_000), false);
    assert.equal(budget.depth(1_000_000), 0);
  });

  it('lets late frames of a thousand streams be saved up, and no more', () => {
    const budget = new GlitchBudget();
    const saved = 1_024 * LATE_FRAMES_PER_STREAM;
    for (let i = 0; i < saved; i += 1) assert.equal(budget.takeLate(1, 1_000_000, 0), true);
    assert.equal(budget.depth(0), 0);
    budget.takeLate(1, 1_000_000, 0);
    assert.equal(budget.depth(0), 1);
  });
});

describe('DATA without data', () => {
  for (const [name, send] of [
    ['empty', (peer) => peer.data(1, '')],
    ['nothing but padding', (peer) => peer.data(1, '', { padding: 200 })],
  ] as const satisfies readonly (readonly [string, Send])[]) {
    it(`${name}: the 101st frame ends the connection`, async () => {
      const end = await ServerEnd.ready();
      end.peer.headers(1, request());
      for (let i = 0; i < 100; i += 1) send(end.peer);
      await end.settle();
      assert.equal(ending(end), undefined);
      send(end.peer);
      await end.settle();
      assert.match(ending(end) ?? '', /^empty-data: 101 DATA frames without data/);
      assert.equal(end.transport.connection.limits.acted.of('empty-data'), 1);
      await closing(end);
    });
  }

  it('is paid for by DATA with data, and END_STREAM is free', async () => {
    const end = await ServerEnd.ready({}, { limits: { streams: 5_000 } });
    end.peer.headers(1, request());
    for (let i = 0; i < 1_000; i += 1) end.peer.data(1, '').data(1, framed('x'), { padding: 3 });
    for (let id = 3; id < 1_003; id += 2) {
      end.peer.headers(id, request()).data(id, framed('x')).data(id, '', { endStream: true });
    }
    await end.settle();
    assert.equal(end.closedBy, undefined);
    assert.equal(end.transport.connection.dispatch.emptyData, 0);
    await closing(end);
  });
});

describe('field blocks in pieces', () => {
  for (const bytes of [0, 16_384 / 64]) {
    it(`the ninth CONTINUATION of ${bytes} bytes ends the connection`, async () => {
      const end = await ServerEnd.ready();
      end.peer.frame(FrameType.HEADERS, 0, 1, Buffer.from('83', 'hex'));
      const piece = Buffer.alloc(bytes, 0x83);
      for (let i = 0; i < 8; i += 1) end.peer.frame(FrameType.CONTINUATION, Flags.NONE, 1, piece);
      await end.settle();
      assert.equal(ending(end), undefined);
      end.peer.frame(FrameType.CONTINUATION, Flags.NONE, 1, piece);
      await end.settle();
      assert.match(ending(end) ?? '', /^continuations: /);
      assert.equal(end.transport.connection.limits.acted.of('continuations'), 1);
      assert.equal(end.transport.connection.limits.acted.of('protocol-errors'), 0);
      await closing(end);
    });
  }
});
