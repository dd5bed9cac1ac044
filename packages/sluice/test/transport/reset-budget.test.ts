// Resets that come before their call ended: by the peer, and those that its faults make us send.
// Calls that complete pay for them; a peer that only resets gets a thousand of a kind.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Flags } from '#sluice/frames/flags.js';
import { FrameType } from '#sluice/frames/frame-type.js';
import { Status } from '#sluice/grpc/status.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import type { LimitName } from '#sluice/transport/limit-table.js';
import { ResetBudget } from '#sluice/transport/reset-budget.js';
import { ClientEnd, type TestCall } from '../support/client-end.js';
import { framed, type MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd, type ServerEndOptions } from '../support/server-end.js';

const SELF = Buffer.from('0000000110', 'hex');
const HEAD = [':status', '200', 'content-type', 'application/grpc'];

type Attack = (peer: MockPeer, id: number) => unknown;

function open(peer: MockPeer, id: number): MockPeer {
  return peer.headers(id, request());
}

function ended(peer: MockPeer, id: number): MockPeer {
  return peer.headers(id, request(), { endStream: true });
}

/** Its own stream is what a stream depends on. */
function selfDependent(id: number): Buffer {
  const payload = Buffer.from(SELF);
  payload.writeUInt32BE(id, 0);
  return payload;
}

const ATTACKS: readonly (readonly [name: string, limit: LimitName, attack: Attack])[] = [
  ['RST_STREAM', 'premature-resets', (peer, id) => open(peer, id).rstStream(id, 8)],
  ['WINDOW_UPDATE of 0', 'caused-resets', (peer, id) => open(peer, id).windowUpdate(id, 0)],
  [
    'WINDOW_UPDATE that overflows',
    'caused-resets',
    (peer, id) => open(peer, id).windowUpdate(id, 0x7fff_ffff),
  ],
  [
    'PRIORITY of a bad length',
    'caused-resets',
    (peer, id) => open(peer, id).frame(FrameType.PRIORITY, 0, id, Buffer.alloc(4)),
  ],
  [
    'PRIORITY that depends on itself',
    'caused-resets',
    (peer, id) => open(peer, id).frame(FrameType.PRIORITY, 0, id, selfDependent(id)),
  ],
  [
    'HEADERS that depend on themselves',
    'caused-resets',
    (peer, id) => {
      const fields = Buffer.alloc(HpackEncoder.bound(request()));
      const { encoder } = peer;
      const end = encoder.writeFields(request(), fields, encoder.beginBlock(fields, 0));
      const block = Buffer.concat([selfDependent(id), fields.subarray(0, end)]);
      return peer.frame(FrameType.HEADERS, Flags.END_HEADERS | Flags.PRIORITY, id, block);
    },
  ],
  ['HEADERS after END_STREAM', 'caused-resets', (peer, id) => open(ended(peer, id), id)],
  ['DATA after END_STREAM', 'caused-resets', (peer, id) => ended(peer, id).data(id, 'x')],
  [
    'malformed requests',
    'caused-resets',
    (peer, id) => peer.headers(id, request('/s/m', { connection: 'close' })),
  ],
];

/** How many times the peer attacked before the connection ended; a slice of calls in each turn. */
async function attackUntilEnded(
  end: ServerEnd,
  attack: Attack,
  atOnce: number,
): Promise<{ attacks: number; goAway: string; mostHandlers: number }> {
  let attacks = 0;
  let mostHandlers = 0;
  for (let id = 1; attacks < 2_000 && end.closedBy === undefined; ) {
    for (let i = 0; i < atOnce; i += 1, id += 2) {
      attack(end.peer, id);
      attacks += 1;
    }
    end.peer.flush();
    await end.turns.deliver();
    end.turns.run();
    mostHandlers = Math.max(mostHandlers, end.transport.handlers);
  }
  const lines = await end.transcript();
  return { attacks, mostHandlers, goAway: lines.find((line) => line.startsWith('GOAWAY')) ?? '' };
}

async function closing(end: ServerEnd): Promise<void> {
  for (const call of end.calls) call.end();
  await end.settle();
  await end.finish();
}

describe('a peer that makes nothing but resets is ended within 1,100 of them', () => {
  for (const [name, limit, attack] of ATTACKS) {
    it(name, async () => {
      const end = await ServerEnd.ready({}, { limits: { streams: 100, handlers: 100 } });
      const { attacks, goAway, mostHandlers } = await attackUntilEnded(end, attack, 25);
      assert.ok(attacks > 1_000 && attacks <= 1_100, `${attacks}`);
      assert.match(goAway, new RegExp(`^GOAWAY \\d+ ENHANCE_YOUR_CALM ${limit}: more than 1000 `));
      assert.ok(mostHandlers <= 100, `${mostHandlers} handlers`);
      assert.equal(end.transport.connection.limits.acted.of(limit), 1);
      await closing(end);
    });
  }

  for (const [name, limit, attack] of ATTACKS.slice(0, 3)) {
    it(`${name}, with handlers that go on after they were cancelled`, async () => {
      const end = await ServerEnd.ready({}, { limits: { streams: 100, handlers: 100 } });
      end.handler = (call) => {
        call.onCancel = () => {};
      };
      const { attacks, goAway, mostHandlers } = await attackUntilEnded(end, attack, 25);
      assert.ok(attacks > 1_000 && attacks <= 1_100, `${attacks}`);
      assert.match(goAway, new RegExp(`ENHANCE_YOUR_CALM ${limit}: `));
      assert.equal(mostHandlers, 100);
      await closing(end);
    });
  }

  it('streams above the limit, once our SETTINGS were acknowledged', async () => {
    const end = await ServerEnd.ready({}, { limits: { streams: 1 } });
    const { attacks, goAway } = await attackUntilEnded(end, open, 25);
    assert.ok(attacks > 1_000 && attacks <= 1_100, `${attacks}`);
    assert.match(goAway, /ENHANCE_YOUR_CALM caused-resets: /);
    assert.equal(end.calls.length, 1);
    await closing(end);
  });
});

async function beforeAck(options: ServerEndOptions): Promise<ServerEnd> {
  const end = new ServerEnd(options);
  end.peer.preface().settings();
  await end.settle();
  end.peer.take();
  return end;
}

describe('what pays for resets', () => {
  it('streams above a limit that the peer has not acknowledged cost it none', async () => {
    const end = await beforeAck({ limits: { streams: 1 } });
    for (let id = 1; id < 3_000; id += 2) open(end.peer, id);
    const lines = await end.transcript();
    assert.equal(lines.length, 1_499);
    assert.deepEqual(new Set(lines.map((line) => line.split(' ')[2])), new Set(['REFUSED_STREAM']));
    assert.equal(end.transport.connection.limits.causedResets.used, 0);
    assert.equal(end.closedBy, undefined);
    await closing(end);
  });

  it('a client that lets as many calls complete may cancel for ever', async () => {
    const end = await ServerEnd.ready();
    end.handler = (call) => {
      if (call.id % 4 === 1) call.end();
    };
    for (let id = 1; id < 40_000; id += 4) {
      ended(end.peer, id);
      open(end.peer, id + 2).rstStream(id + 2, ErrorCode.CANCEL);
      if (id % 400 === 1) await end.settle();
    }
    await end.settle();
    assert.equal(end.closedBy, undefined);
    assert.ok(end.transport.prematureResets.used < 200, `${end.transport.prematureResets.used}`);
    await closing(end);
  });

  it('calls that complete pay for resets that faults make us send, on either side', async () => {
    const server = await ServerEnd.ready();
    server.handler = (call) => {
      if (call.id % 4 === 1) call.end();
    };
    const client = await ClientEnd.ready();
    for (let id = 1; id < 6_000; id += 4) {
      open(ended(server.peer, id), id + 2).windowUpdate(id + 2, 0);
      client.unary();
      client.unary();
      if (id % 400 === 1) await server.settle();
      await client.settle();
      client.peer.headers(id, [...HEAD, 'grpc-status', '0'], { endStream: true });
      client.peer.windowUpdate(id + 2, 0);
    }
    await server.settle();
    await client.settle();
    for (const end of [server, client]) {
      assert.equal(end.closedBy, undefined);
      assert.ok(end.transport.connection.limits.causedResets.used < 150);
    }
    await closing(server);
    await client.finish();
  });

  it('a status that is given after the peer has reset the stream pays for nothing', async () => {
    const end = await ServerEnd.ready();
    for (let id = 1; id < 201; id += 2) open(end.peer, id).rstStream(id, ErrorCode.CANCEL);
    await end.settle();
    assert.equal(end.transport.prematureResets.used, 100);
    for (const call of end.calls) call.end(Status.OK);
    await end.settle();
    assert.equal(end.transport.prematureResets.used, 100);
    assert.equal(end.transport.streamsEnded, 0);
    await closing(end);
  });

  it('a stream that has lived for a second may be reset at no cost', async () => {
    const end = await ServerEnd.ready({}, { limits: { streams: 2_000 } });
    for (let id = 1; id < 3_001; id += 2) open(end.peer, id);
    await end.settle();
    end.clock.advance(1_000);
    for (let id = 1; id < 3_001; id += 2) end.peer.rstStream(id, ErrorCode.CANCEL);
    await end.settle();
    assert.equal(end.closedBy, undefined);
    assert.equal(end.transport.prematureResets.used, 0);
    await closing(end);
  });

  it('completed calls save up 10,000 resets at the most', () => {
    const budget = new ResetBudget(1_000);
    for (let i = 0; i < 50_000; i += 1) budget.completed();
    for (let i = 0; i < 10_000; i += 1) assert.equal(budget.take(), true);
    assert.equal(budget.used, 1_000);
    assert.equal(budget.take(), false);
  });
});

describe('a client whose server makes it send resets', () => {
  it('ends the connection with ENHANCE_YOUR_CALM within 1,100', async () => {
    const end = await ClientEnd.ready({}, {});
    let calls = 0;
    while (end.closedBy === undefined && calls < 2_000) {
      const first = calls;
      for (; calls < first + 50; calls += 1) end.unary();
      await end.settle();
      for (let i = first; i < calls; i += 1) end.peer.windowUpdate(i * 2 + 1, 0x7fff_ffff);
      await end.settle();
    }
    assert.ok(calls > 1_000 && calls <= 1_100, `${calls}`);
    assert.match(end.closedBy?.reason ?? '', /^caused-resets: more than 1000 /);
    assert.equal(end.transport.connection.limits.acted.of('caused-resets'), 1);
    await end.finish();
  });

  it('that resets every call itself harms nobody: each ends with its status', async () => {
    const end = await ClientEnd.ready();
    for (let i = 0; i < 1_500; i += 1) {
      const call = end.unary();
      await end.settle();
      end.peer.rstStream(i * 2 + 1, ErrorCode.INTERNAL_ERROR);
      await end.settle();
      assert.match(call.events.join(), /^end INTERNAL/);
    }
    assert.equal(end.closedBy, undefined);
    await end.finish();
  });

  it('may have DATA on its way for thousands of calls that were cancelled at once', async () => {
    const end = await ClientEnd.ready();
    const calls: TestCall[] = [];
    for (let i = 0; i < 4_000; i += 1) {
      calls.push(end.open());
      if (i % 1_000 === 999) await end.settle();
    }
    for (const [i] of calls.entries()) end.peer.headers(i * 2 + 1, HEAD);
    await end.settle();
    for (const call of calls) call.stream.cancel();
    await end.settle();
    for (const [i] of calls.entries()) end.peer.data(i * 2 + 1, framed('late'));
    await end.settle();
    assert.equal(end.closedBy, undefined);
    assert.equal(end.transport.connection.limits.causedResets.used, 0);
    await end.finish();
  });
});
