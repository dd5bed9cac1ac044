// What a server's calls wait for, by `ServerContext.explain()`, `Server.explain()` and the status of a
// deadline: first against a client that the test plays, then over real sockets.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Server, ServerContext } from '#sluice/index.js';
import { stallText } from '#sluice/transport/stall.js';
import { framed } from '../support/mock-peer.js';
import { Running, signal } from '../support/running.js';
import { request, ServerEnd } from '../support/server-end.js';

const running = new Running();
afterEach(() => running.end());

/** What the only call waits for, 300 ms later. */
function waits(end: ServerEnd): string {
  end.clock.advance(300);
  return stallText(end.call().stream.stall(true));
}

describe("a server's call waits for", () => {
  it("the client's window of its stream", async () => {
    const end = await ServerEnd.ready({ INITIAL_WINDOW_SIZE: 100 });
    end.peer.headers(1, request()).data(1, framed('x'), { endStream: true });
    await end.settle();
    end.call().send(Buffer.alloc(1_000));
    await end.settle();
    assert.equal(
      waits(end),
      "waited 300 ms for the client's WINDOW_UPDATE of stream 1, 905 bytes wait here; it goes on as the client reads this call's messages",
    );
    end.peer.rstStream(1, 8);
    await end.finish();
  });

  it('the socket, when the client does not read at all', async () => {
    const end = await ServerEnd.ready(
      { INITIAL_WINDOW_SIZE: 10_000_000 },
      { outgoing: { capacity: 50_000 } },
    );
    end.peer.windowUpdate(0, 10_000_000);
    end.peer.headers(1, request()).data(1, framed('x'), { endStream: true });
    await end.settle();
    end.peer.socket.pause();
    end.call().send(Buffer.alloc(2_000_000));
    await end.settle();
    assert.match(
      waits(end),
      /^waited 300 ms for the socket, which takes no bytes: \d+ bytes wait in this process; it goes on as the client's process reads, or the network delivers$/,
    );
    end.peer.socket.resume();
    end.peer.rstStream(1, 8);
    await end.finish();
  });

  it("the client's messages", async () => {
    const end = await ServerEnd.ready();
    end.peer.headers(1, request());
    await end.settle();
    assert.equal(
      waits(end),
      'waited 300 ms for the client to send a message or end its request; it goes on as it does',
    );
    end.peer.rstStream(1, 8);
    await end.finish();
  });

  it('its handler to read', async () => {
    const end = await ServerEnd.ready();
    end.handler = () => {};
    end.peer.headers(1, request()).data(1, framed('unread'));
    await end.settle();
    assert.equal(
      waits(end),
      'waited 300 ms for its own handler to ask for the next message, 11 bytes have come; it goes on as the handler reads',
    );
    end.peer.rstStream(1, 8);
    await end.finish();
  });

  it('its handler to answer', async () => {
    const end = await ServerEnd.ready();
    end.peer.headers(1, request()).data(1, framed('x'), { endStream: true });
    await end.settle();
    assert.equal(
      waits(end),
      'waited 300 ms for its handler, which has not answered; it goes on as the handler does',
    );
    end.peer.rstStream(1, 8);
    await end.finish();
  });
});

interface SlowCall {
  server: Server;
  call: Promise<unknown>;
  context: ServerContext;
  go: () => void;
}

describe('explain()', () => {
  const PATH = '/test.Explain/Slow';

  async function slow(): Promise<SlowCall> {
    const begun = signal<ServerContext>();
    const done = signal();
    const server = running.server().unary(PATH, async (message, context) => {
      begun.raise(context);
      await done.happened;
      return message;
    });
    const channel = await running.channelTo(server);
    const call = channel.unary(PATH, Buffer.from('x'));
    return { server, call, context: await begun.happened, go: done.raise };
  }

  it('of a context says what the call waits for, until it is over', async () => {
    const { call, context, go } = await slow();
    assert.match(context.explain(), /^waited \d+ ms for its handler, which has not answered; /);
    go();
    await call;
    assert.equal(context.explain(), 'the call is over');
  });

  it('of a server tells of each connection, and of a drain', async () => {
    const { server, call, go } = await slow();
    const line =
      /^1 call from 127\.0\.0\.1:\d+: \/test\.Explain\/Slow waited \d+ ms for its handler/;
    assert.match(server.explain(), line);
    const drained = server.drain();
    const [first = '', second = ''] = server.explain().split('\n');
    assert.match(
      first,
      /^the server waited \d+ ms for 1 open call to end before it is drained; it goes on as their handlers end them, or as the grace period ends$/,
    );
    assert.match(second, line);
    go();
    await call;
    await drained;
    assert.equal(server.explain(), 'nothing waits; the server is closed');
  });
});
