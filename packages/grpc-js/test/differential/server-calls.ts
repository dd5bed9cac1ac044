// What a handler can read off its call: metadata, deadline, names, the connection; and what options do.

import * as net from 'node:net';
import type * as grpcJs from '@grpc/grpc-js';
import { Http2Caller } from '../support/http2-caller.ts';
import {
  bidi,
  clientStream,
  type Grpc,
  listening,
  Seen,
  serverStream,
  unary,
  within,
} from '../support/text-server.ts';
import { errorOf, type Observation } from './observation.ts';

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  const server = new grpc.Server();
  const port = await listening(grpc, server);
  const caller = Http2Caller.to(port);
  const facts = (call: grpcJs.ServerUnaryCall<string, string>): unknown => [
    call.getPath(),
    call.getHost().replace(String(port), 'PORT'),
    net.isIP(call.getPeer().replace(/:\d+$/, '')),
    call.getAuthContext(),
    call.cancelled,
    call.request,
  ];
  unary(server, '/test.Call/Facts', (call, callback) => {
    seen.see('facts', facts(call));
    seen.see('peer', call.getPeer().replace(/:\d+$/, ':PORT'));
    seen.see(
      'own keys',
      ['request', 'cancelled'].map((key) => Object.hasOwn(call, key)),
    );
    seen.see('metrics recorder', typeof call.getMetricsRecorder().recordCPUUtilizationMetric);
    callback(null, 'x');
  });
  await within(caller.call('/test.Call/Facts', ['a request']));

  const deadlines: unknown[] = [];
  unary(server, '/test.Call/Deadline', (call, callback) => {
    const deadline = call.getDeadline();
    const left = Number(deadline) - Date.now();
    deadlines.push([
      typeof deadline,
      deadline instanceof Date,
      Number.isFinite(Number(deadline)),
      left > 0 && left < 11_000,
    ]);
    callback(null, 'x');
  });
  for (const timeout of [undefined, '10S', '10000m', '9999999u', '1H', 'x', '-1S', '123456789S']) {
    const headers = timeout === undefined ? {} : { 'grpc-timeout': timeout };
    const reply = await within(caller.call('/test.Call/Deadline', ['x'], headers));
    seen.see(`timeout ${timeout}`, [reply, deadlines.splice(0)]);
  }

  unary(server, '/test.Call/Metadata', (call, callback) => {
    const map = call.metadata.getMap();
    seen.see('metadata', Object.keys(map).sort());
    seen.see(
      'values',
      ['x-one', 'x-two', 'x-bin'].map((key) =>
        call.metadata.get(key).map((value) => (typeof value === 'string' ? value : [...value])),
      ),
    );
    const { metadata } = call;
    seen.see('the same each time', metadata === call.metadata);
    seen.see('is Metadata', call.metadata instanceof grpc.Metadata);
    call.metadata.set('x-own', 'added');
    callback(null, String(call.metadata.get('x-own')[0]));
  });
  seen.see(
    'metadata reply',
    await within(
      caller.call('/test.Call/Metadata', ['x'], {
        'x-one': '1',
        'x-two': ['1', '2'],
        'x-bin': 'AQID,BA==',
        'user-agent': 'test/1',
        'grpc-accept-encoding': 'gzip',
        'grpc-timeout': '10S',
        'accept-encoding': 'identity',
        'x-empty': '',
      }),
    ),
  );

  const cycle: unknown[] = [];
  const own = (call: grpcJs.ServerUnaryCall<unknown, unknown> | object): void => {
    const { cancelled, metadata } = call as { cancelled: unknown; metadata: unknown };
    cycle.push([
      cancelled,
      metadata instanceof grpc.Metadata,
      typeof (call as { getPath?: unknown }).getPath,
    ]);
  };
  clientStream(server, '/test.Call/Up', (call, callback) => {
    own(call);
    callback(null, call.getPath());
  });
  serverStream(server, '/test.Call/Down', (call) => {
    own(call);
    call.end();
  });
  bidi(server, '/test.Call/Both', (call) => {
    own(call);
    call.end();
  });
  for (const name of ['Up', 'Down', 'Both']) await within(caller.call(`/test.Call/${name}`, ['x']));
  seen.see('the other kinds', cycle);

  await thrownLater(server, caller, seen);
  await limits(grpc, seen);
  await metrics(grpc, seen);
  caller.close();
  server.forceShutdown();
  return seen.all;
}

/** What a listener of a stream throws is the process's. */
async function thrownLater(server: grpcJs.Server, caller: Http2Caller, seen: Seen): Promise<void> {
  const found: unknown[] = [];
  const heard = (error: unknown): void => {
    found.push(errorOf(error));
  };
  process.on('uncaughtException', heard);
  bidi(server, '/test.Call/ThrowsLater', (call) => {
    call.on('data', () => {
      throw new Error('thrown by a listener');
    });
  });
  const call = caller.open('/test.Call/ThrowsLater').send('x');
  await within(call.reply, 200);
  call.cancel();
  unary(server, '/test.Call/ThrowsInTimer', (_call, callback) => {
    setImmediate(() => {
      callback(null, 'x');
      throw new Error('thrown by a timer');
    });
  });
  await within(caller.call('/test.Call/ThrowsInTimer', ['x']));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('uncaughtException', heard);
  seen.see('thrown later', found);
}

async function limits(grpc: Grpc, seen: Seen): Promise<void> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': 10,
    'grpc.max_send_message_length': 10,
  });
  unary(server, '/test.Limits/Echo', (call, callback) => callback(null, call.request));
  unary(server, '/test.Limits/Long', (_call, callback) => callback(null, 'x'.repeat(100)));
  serverStream(server, '/test.Limits/LongStream', (call) => {
    call.write('short');
    call.write('x'.repeat(100));
    call.end();
  });
  const caller = Http2Caller.to(await listening(grpc, server));
  seen.see('limit: fits', await within(caller.call('/test.Limits/Echo', ['0123456789'])));
  seen.see(
    'limit: received too large',
    await within(caller.call('/test.Limits/Echo', ['0123456789a'])),
  );
  seen.see('limit: sent too large', await within(caller.call('/test.Limits/Long', ['x'])));
  seen.see(
    'limit: sent too large behind another',
    await within(caller.call('/test.Limits/LongStream', ['x'])),
  );
  caller.close();
  server.forceShutdown();

  const wide = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  unary(wide, '/test.Limits/Size', (call, callback) => callback(null, String(call.request.length)));
  const wideCaller = Http2Caller.to(await listening(grpc, wide));
  const large = 'x'.repeat(5 * 1024 * 1024);
  seen.see('limit: none', await within(wideCaller.call('/test.Limits/Size', [large]), 5_000));
  wideCaller.close();
  wide.forceShutdown();

  const usual = new grpc.Server();
  unary(usual, '/test.Limits/Size', (call, callback) =>
    callback(null, String(call.request.length)),
  );
  const usualCaller = Http2Caller.to(await listening(grpc, usual));
  const reply = await within(usualCaller.call('/test.Limits/Size', [large]), 5_000);
  seen.see('limit: 4 MiB by default', typeof reply === 'string' ? reply : reply.status);
  usualCaller.close();
  usual.forceShutdown();
}

async function metrics(grpc: Grpc, seen: Seen): Promise<void> {
  for (const recording of [undefined, 0, 1]) {
    const server = new grpc.Server(
      recording === undefined ? {} : { 'grpc.server_call_metric_recording': recording },
    );
    unary(server, '/test.Metrics/Call', (call, callback) => {
      call.getMetricsRecorder().recordCPUUtilizationMetric(0.5);
      callback(null, 'x');
    });
    unary(server, '/test.Metrics/None', (_call, callback) => callback(null, 'x'));
    const caller = Http2Caller.to(await listening(grpc, server));
    seen.see(`metrics ${recording}`, await within(caller.call('/test.Metrics/Call', ['x'])));
    seen.see(`no metrics ${recording}`, await within(caller.call('/test.Metrics/None', ['x'])));
    caller.close();
    server.forceShutdown();
  }
}
