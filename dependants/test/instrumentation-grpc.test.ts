// @opentelemetry/instrumentation-grpc on the drop-in: the spans that clients and servers leave, by calls of
// a process of its own (support/traced-calls.ts), in which it is registered before the module is loaded.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { assertOnDropIn } from './support/drop-in.ts';
import type { SeenSpan, TracedCalls } from './support/traced-calls.ts';

const PROGRAM: string = join(__dirname, 'support', 'traced-calls.js');

const SERVER = 1;
const CLIENT = 2;
const UNSET = 0;
const ERROR = 2;

const METHODS = ['Unary', 'ServerStream', 'ClientStream', 'Bidi'] as const;

let traced: TracedCalls = { implementation: '', patched: false, calls: {} };

before(async () => {
  // Instrumentation knows a module by the name of its folder in node_modules. Here that is a link to our
  // package, which `npm install` would have made a folder of; with this flag its path is that of the link.
  const flags = ['--preserve-symlinks', PROGRAM];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 20_000 });
  // Printed by the program in this form.
  traced = JSON.parse(stdout) as TracedCalls;
});

interface Sides {
  readonly client: SeenSpan;
  readonly server: SeenSpan;
}

function spansOf(way: string, method: string, text: string): Sides {
  const [client, server, outer, ...more] = traced.calls[`${way} ${method} ${text}`] ?? [];
  assert.ok(client !== undefined && server !== undefined && outer !== undefined);
  assert.deepEqual(more, [], 'one span a side');
  return { client, server };
}

/** What both sides say of every call of it. */
function rpc(method: string, statusCode: number): Readonly<Record<string, unknown>> {
  return {
    'rpc.system': 'grpc',
    'rpc.service': 'test.Echo',
    'rpc.method': method,
    'rpc.grpc.status_code': statusCode,
    'rpc.request.metadata.x_request': ['asked'],
    'rpc.response.metadata.x_reply': ['answered'],
  };
}

test('instrumentation-grpc runs on the drop-in, and patches it as it is loaded', () => {
  assertOnDropIn('@opentelemetry/instrumentation-grpc');
  assert.equal(traced.implementation, '@sluice/grpc-js');
  assert.equal(traced.patched, true);
});

for (const way of ['loaded', 'generic', 'own']) {
  for (const method of METHODS) {
    test(`${way} client, ${method}: a client's span within its caller's, the server's within it`, () => {
      const { client, server } = spansOf(way, method, 'ok');
      assert.deepEqual(client, {
        name: `grpc.test.Echo/${method}`,
        kind: CLIENT,
        parent: '0 outer',
        sameTrace: true,
        attributes: {
          ...rpc(method, 0),
          'server.address': '127.0.0.1',
          'server.port': 'number',
        },
        status: { code: UNSET },
      });
      assert.deepEqual(server, {
        name: `grpc.test.Echo/${method}`,
        kind: SERVER,
        parent: `${CLIENT} grpc.test.Echo/${method}`,
        sameTrace: true,
        attributes: rpc(method, 0),
        status: { code: UNSET },
      });
    });

    test(`${way} client, ${method} that fails: its status is that of both spans`, () => {
      const { client, server } = spansOf(way, method, 'fail');
      for (const span of [client, server]) {
        assert.equal(span.attributes['rpc.grpc.status_code'], 9);
        assert.equal(span.status.code, ERROR);
        assert.equal(span.sameTrace, true);
      }
      assert.equal(client.attributes['grpc.error_message'], '9 FAILED_PRECONDITION: asked to fail');
    });
  }

  test(`${way} client: a method that is to be ignored leaves no span`, () => {
    const spans = traced.calls[`${way} Ignored ok`] ?? [];
    assert.deepEqual(
      spans.map(({ name }) => name),
      ['outer'],
    );
  });
}

test('switched off, it takes its hands off the client again', () => {
  const spans = traced.calls['own Unary unpatched'] ?? [];
  // The handlers that were added before stay wrapped, as they were when they were added.
  assert.deepEqual(
    spans.map(({ name, kind }) => `${kind} ${name}`),
    ['1 grpc.test.Echo/Unary', '0 outer'],
  );
});
