// @temporalio/client on the drop-in: its Connection against a server that stands in for Temporal's. What
// it puts around a call is all there: its retrying interceptor, those of a program, metadata by context,
// deadlines and abort signals.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  credentials,
  InterceptingCall,
  type Interceptor,
  Metadata,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from './support/certificates.ts';
import { assertOnDropIn } from './support/drop-in.ts';
import { localServer } from './support/local-server.ts';
import { firstField, TemporalServer, workflowService } from './support/temporal-server.ts';

/** Its own retries, that wait a millisecond in place of a hundred. */
function quickRetries(maxAttempts = 10): Interceptor {
  const waiting = { maxAttempts, maxJitter: 0, factor: 1, initialIntervalMs: () => 1 };
  return makeGrpcRetryInterceptor(defaultGrpcRetryOptions(waiting));
}

interface Connected {
  readonly temporal: TemporalServer;
  readonly connection: Connection;
}

/** A connection that has not connected yet, unless its program does. */
async function lazily(t: TestContext, options: ConnectionOptions = {}): Promise<Connected> {
  const temporal = new TemporalServer();
  const { address } = await localServer(t, (server) => {
    server.addService(workflowService, temporal.handlers);
  });
  const connection = Connection.lazy({ address, interceptors: [quickRetries()], ...options });
  t.after(() => connection.close());
  return { temporal, connection };
}

/** Fails so often with UNAVAILABLE, then answers. */
function unavailable(temporal: TemporalServer, times: number): void {
  temporal.answer('DescribeNamespace', (_call, reply) => {
    const attempt = temporal.calls.DescribeNamespace.length;
    if (attempt > times) reply(null, Buffer.alloc(0));
    else reply({ code: status.UNAVAILABLE, details: `attempt ${attempt}` });
  });
}

/** The attempts so far, by a key of their metadata. */
function sent(temporal: TemporalServer, key: string): unknown[] {
  return temporal.calls.DescribeNamespace.map(({ metadata }) => metadata.get(key)[0]);
}

test('the Temporal client runs on the drop-in', () => {
  assertOnDropIn('@temporalio/client');
});

test('connect asks for the system info, with the headers of the client and those given', async (t) => {
  const temporal = new TemporalServer();
  const { address } = await localServer(t, (server) => {
    server.addService(workflowService, temporal.handlers);
  });
  const metadata = { 'x-team': 'blue', 'x-key-bin': Buffer.from([0, 255]) };
  const connection = await Connection.connect({ address, metadata, apiKey: 'secret', tls: false });
  t.after(() => connection.close());
  const [info] = temporal.calls.GetSystemInfo;
  assert.deepEqual(info?.metadata.get('client-name'), ['temporal-typescript']);
  assert.deepEqual(info?.metadata.get('authorization'), ['Bearer secret']);
  assert.deepEqual(info?.metadata.get('x-team'), ['blue']);
  assert.deepEqual(info?.metadata.get('x-key-bin'), [Buffer.from([0, 255])]);
  assert.ok(Number(info?.getDeadline()) <= Date.now() + 10_000, 'the time it has to connect');
});

test('connect ends with its timeout where a server accepts and says nothing', async (t) => {
  const silent = createServer((socket) => t.after(() => socket.destroy()));
  t.after(() => silent.close());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  // Of a server that listens on a TCP port.
  const { port } = silent.address() as AddressInfo;
  const { connection } = await lazily(t, { address: `127.0.0.1:${port}`, connectTimeout: 50 });
  await assert.rejects(connection.ensureConnected(), {
    message: 'Failed to connect before the deadline',
  });
});

test('over TLS, call credentials of the options are asked for each call', async (t) => {
  const temporal = new TemporalServer();
  const { port } = await localServer(
    t,
    (server) => server.addService(workflowService, temporal.handlers),
    ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(SERVER_KEY), cert_chain: Buffer.from(SERVER_CERTIFICATE) },
    ]),
  );
  let asked = 0;
  const tokens = credentials.createFromMetadataGenerator((_options, callback) => {
    asked += 1;
    const metadata = new Metadata();
    metadata.set('x-token', `token ${asked}`);
    callback(null, metadata);
  });
  const connection = Connection.lazy({
    address: `127.0.0.1:${port}`,
    tls: { serverRootCACertificate: Buffer.from(CA_CERTIFICATE), serverNameOverride: 'localhost' },
    callCredentials: [tokens],
    interceptors: [quickRetries()],
  });
  t.after(() => connection.close());
  unavailable(temporal, 1);
  await connection.workflowService.describeNamespace({});
  assert.deepEqual(sent(temporal, 'x-token'), ['token 1', 'token 2']);
  assert.deepEqual(
    temporal.calls.DescribeNamespace.map((call) => call.getHost()),
    ['localhost', 'localhost'],
  );
});

test('a workflow is started', async (t) => {
  const { temporal, connection } = await lazily(t);
  temporal.answer('StartWorkflowExecution', (_call, reply) => reply(null, firstField('run-7')));
  const { workflow } = new Client({ connection, namespace: 'shop' });
  const handle = await workflow.start('pay', { taskQueue: 'q', workflowId: 'order-1', args: [42] });
  assert.equal(handle.firstExecutionRunId, 'run-7');
  const [call] = temporal.calls.StartWorkflowExecution;
  assert.deepEqual(call?.metadata.get('temporal-namespace'), ['shop']);
  assert.ok(call?.request.includes('order-1'));
});

test('a call that fails twice with UNAVAILABLE is retried by its interceptor', async (t) => {
  const { temporal, connection } = await lazily(t);
  unavailable(temporal, 2);
  const { workflowService: service } = connection;
  await connection.withMetadata({ 'x-call': 'one' }, () =>
    service.describeNamespace({ namespace: 'shop' }),
  );
  assert.deepEqual(sent(temporal, 'x-call'), ['one', 'one', 'one']);
  assert.deepEqual(sent(temporal, 'temporal-namespace'), ['shop', 'shop', 'shop']);
  const requests = temporal.calls.DescribeNamespace.map(({ request }) => request.toString('hex'));
  assert.deepEqual(requests, Array(3).fill(firstField('shop').toString('hex')));
});

test('it gives up after the attempts it has, with the last status', async (t) => {
  const { temporal, connection } = await lazily(t, { interceptors: [quickRetries(3)] });
  unavailable(temporal, 100);
  await assert.rejects(connection.workflowService.describeNamespace({}), (error) => {
    assert.ok(isGrpcServiceError(error));
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(error.details, 'attempt 3');
    return true;
  });
  assert.equal(temporal.calls.DescribeNamespace.length, 3);
});

test('a status that is not to be retried ends the call, with its trailers', async (t) => {
  const { temporal, connection } = await lazily(t);
  temporal.answer('DescribeNamespace', (call, reply) => {
    const metadata = call.metadata.clone();
    metadata.set('grpc-status-details-bin', Buffer.from([8, 5]));
    reply({ code: status.NOT_FOUND, details: 'no such namespace', metadata });
  });
  const error = await failure(connection.workflowService.describeNamespace({}));
  assert.equal(error.code, status.NOT_FOUND);
  assert.equal(error.details, 'no such namespace');
  assert.deepEqual(error.metadata.get('grpc-status-details-bin'), [Buffer.from([8, 5])]);
  assert.equal(temporal.calls.DescribeNamespace.length, 1);
});

test("interceptors stand in their order around Temporal's, and each attempt passes the inner ones", async (t) => {
  const seen: string[] = [];
  const named = (name: string): Interceptor => {
    return (options, nextCall) =>
      new InterceptingCall(nextCall(options), {
        start(metadata, _listener, next) {
          seen.push(`${name} start`);
          metadata.add('x-passed', name);
          next(metadata, {
            onReceiveStatus(received, nextStatus) {
              seen.push(`${name} ${received.code}`);
              nextStatus(received);
            },
          });
        },
      });
  };
  const { temporal, connection } = await lazily(t, {
    interceptors: [named('outer'), quickRetries(), named('inner')],
  });
  unavailable(temporal, 1);
  await connection.workflowService.describeNamespace({});
  assert.deepEqual(seen, [
    'outer start',
    'inner start',
    'inner 14',
    'inner start',
    'inner 0',
    'outer 0',
  ]);
  assert.deepEqual(
    temporal.calls.DescribeNamespace.map(({ metadata }) => metadata.get('x-passed')),
    [['outer, inner'], ['outer, inner, inner']],
  );
});

test('withDeadline ends a call that nobody answers', async (t) => {
  const { temporal, connection } = await lazily(t);
  temporal.answer('DescribeNamespace', () => {});
  const deadline = new Date(Date.now() + 50);
  const error = await failure(
    connection.withDeadline(deadline, () => connection.workflowService.describeNamespace({})),
  );
  assert.equal(error.code, status.DEADLINE_EXCEEDED);
  assert.equal(isGrpcDeadlineError(error), true);
});

test('withDeadline ends a call that is retried for as long as it lasts', async (t) => {
  const { temporal, connection } = await lazily(t, { interceptors: [quickRetries(1e6)] });
  unavailable(temporal, 1e6);
  const error = await failure(
    connection.withDeadline(Date.now() + 50, () =>
      connection.workflowService.describeNamespace({}),
    ),
  );
  assert.equal(error.code, status.DEADLINE_EXCEEDED);
  assert.ok(temporal.calls.DescribeNamespace.length > 1);
});

test('withAbortSignal cancels a call, and its server is told', async (t) => {
  const { temporal, connection } = await lazily(t);
  const events = new EventEmitter();
  temporal.answer('DescribeNamespace', (call) => {
    call.on('cancelled', () => events.emit('cancelled'));
    events.emit('asked');
  });
  const controller = new AbortController();
  const asked = once(events, 'asked');
  const ended = failure(
    connection.withAbortSignal(controller.signal, () =>
      connection.workflowService.describeNamespace({}),
    ),
  );
  await asked;
  const cancelled = once(events, 'cancelled');
  controller.abort();
  const error = await ended;
  assert.equal(error.code, status.CANCELLED);
  assert.equal(isGrpcCancelledError(error), true);
  await cancelled;
});

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    // What the client says every failed call throws; the test looks at its fields.
    return error as ServiceError;
  }
  return assert.fail('the call did not fail');
}
