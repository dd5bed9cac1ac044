// What options of a server do to its connections: settings, age, idleness, keepalive.

import type * as grpcJs from '@grpc/grpc-js';
import { Http2Caller, outcomeOfReply } from '../support/http2-caller.ts';
import { type Grpc, listening, Seen, signal, unary, within } from '../support/text-server.ts';
import type { Observation } from './observation.ts';

const PATH = '/test.Options/Echo';

interface Running {
  readonly server: grpcJs.Server;
  readonly caller: Http2Caller;
}

async function running(grpc: Grpc, options: grpcJs.ServerOptions): Promise<Running> {
  const server = new grpc.Server(options);
  unary(server, PATH, (call, callback) => callback(null, call.request));
  return { server, caller: Http2Caller.to(await listening(grpc, server)) };
}

function end({ server, caller }: Running): void {
  caller.close();
  server.forceShutdown();
}

/** How a connection ends by itself. */
async function ending({ caller }: Running, ms: number): Promise<unknown> {
  const began = await within(caller.call(PATH, ['x']));
  const closed = await within(
    caller.closed().then(() => 'closed'),
    ms,
  );
  return [typeof began === 'string' ? began : began.status, closed, caller.goneAway];
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  for (const streams of [undefined, 1, 7]) {
    const options = streams === undefined ? {} : { 'grpc.max_concurrent_streams': streams };
    const one = await running(grpc, options);
    await within(one.caller.call(PATH, ['x']));
    const { maxConcurrentStreams } = one.caller.session.remoteSettings;
    // Node's own default stands for none.
    const isNone = maxConcurrentStreams === undefined || maxConcurrentStreams >= 2 ** 32 - 1;
    seen.see(`max_concurrent_streams ${streams}`, isNone ? 'none' : maxConcurrentStreams);
    end(one);
  }

  const aged = await running(grpc, {
    'grpc.max_connection_age_ms': 100,
    'grpc.max_connection_age_grace_ms': 100,
  });
  const hung = signal();
  unary(aged.server, '/test.Options/Hang', () => hung.raise());
  const hanging = aged.caller.open('/test.Options/Hang').send('x').end();
  await hung.happened;
  const cut = await within(hanging.reply.then(outcomeOfReply), 2_000);
  seen.see('max_connection_age and its grace', [
    typeof cut === 'string' ? cut : cut.status,
    aged.caller.goneAway,
  ]);
  end(aged);

  const idle = await running(grpc, { 'grpc.max_connection_idle_ms': 200 });
  seen.see('max_connection_idle', await ending(idle, 3_000));
  end(idle);

  const usual = await running(grpc, {});
  seen.see('nothing of the kind', await ending(usual, 300));
  end(usual);

  // Clients that ping more often than gRPC allows.
  const pinged = await running(grpc, {});
  await within(pinged.caller.call(PATH, ['x']));
  const pings: unknown[] = [];
  for (let i = 0; i < 20; i += 1) {
    pings.push(
      await within(
        new Promise((resolve) => {
          pinged.caller.session.ping((error) => resolve(error === null ? 'answered' : 'failed'));
        }),
      ),
    );
  }
  seen.see('pings', [new Set(pings).size, pings[0], pinged.caller.goneAway]);
  end(pinged);

  const large = await running(grpc, {});
  const headers = { 'x-large': 'x'.repeat(20_000) };
  const reply = await within(large.caller.call(PATH, ['x'], headers));
  seen.see('20,000 bytes of metadata', typeof reply === 'string' ? reply : reply.status);
  end(large);

  const many = await running(grpc, {});
  const calls = Array.from({ length: 2_000 }, () => many.caller.call(PATH, ['x']));
  const replies = await within(Promise.all(calls), 10_000);
  seen.see(
    '2,000 calls at once',
    typeof replies === 'string' ? replies : [...new Set(replies.map(({ status }) => status))],
  );
  end(many);
  return seen.all;
}
