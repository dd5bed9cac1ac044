// Traces of `sluice/opentelemetry`: the spans of gRFC A72, and the context across calls and handlers.
// Longer than 400 lines because spans, handlers and propagation are shown on the same calls.

import assert from 'node:assert/strict';
import { constants, createServer } from 'node:http2';
import { afterEach, describe, it } from 'node:test';
import * as grpcJs from '@grpc/grpc-js';
import {
  context,
  createContextKey,
  diag,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AlwaysOffSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import type { ServiceConfig } from '#sluice/channel/service-config.js';
import { Metadata, Status, StatusError } from '#sluice/index.js';
import { type InstrumentOptions, instrument } from '#sluice/services/opentelemetry.js';
import { failureOf, Running, textsOf } from '../support/running.js';
import { assertChild, eventsOf, Telemetry } from './opentelemetry-sdk.js';

const PATH = '/test.Traced/Call';
const NAME = 'test.Traced.Call';
const X = Buffer.from('x');

const KEY = createContextKey('test');

const running = new Running();
let telemetry: Telemetry | undefined;

afterEach(async () => {
  await running.end();
  await telemetry?.end();
  telemetry = undefined;
});

function started(options: InstrumentOptions = {}): Telemetry {
  telemetry = new Telemetry({ meterProvider: false, ...options });
  return telemetry;
}

/** Server spans end with the last byte, which may be behind the client's end. */
async function settled(otel: Telemetry, spans: number): Promise<void> {
  while (otel.spans().length < spans) await new Promise((resolve) => setImmediate(resolve));
}

/** The id of the span that is active here. */
function activeSpan(): string | undefined {
  return trace.getActiveSpan()?.spanContext().spanId;
}

function failing(times: number): () => void {
  let left = times;
  return () => {
    left -= 1;
    if (left >= 0) throw new StatusError(Status.UNAVAILABLE, 'not now');
  };
}

const RETRYING: ServiceConfig = {
  methodConfig: [
    {
      name: [{ service: 'test.Traced' }],
      retryPolicy: {
        maxAttempts: 3,
        initialBackoff: '0.001s',
        maxBackoff: '0.001s',
        backoffMultiplier: 1,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
};

describe('spans', () => {
  it('of a call are one for the call, one for its attempt and one of the server, in one trace', async () => {
    const otel = started();
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const tracer = otel.tracers.getTracer('test');
    await tracer.startActiveSpan('caller', async (span) => {
      await channel.unary(PATH, X);
      span.end();
    });
    await settled(otel, 4);
    const sent = otel.span(`Sent.${NAME}`);
    const attempt = otel.span(`Attempt.${NAME}`);
    const served = otel.span(`Recv.${NAME}`);
    assertChild(sent, otel.span('caller'));
    assertChild(attempt, sent);
    assertChild(served, attempt);
    assert.equal(sent.kind, SpanKind.CLIENT);
    assert.equal(attempt.kind, SpanKind.CLIENT);
    assert.equal(served.kind, SpanKind.SERVER);
    assert.equal(attempt.attributes['previous-rpc-attempts'], 0);
    assert.equal(attempt.attributes['transparent-retry'], false);
    for (const span of [sent, attempt, served]) {
      assert.equal(span.status.code, SpanStatusCode.OK, span.name);
      assert.equal(span.attributes['rpc.system'], 'grpc');
      assert.equal(span.attributes['rpc.service'], 'test.Traced');
      assert.equal(span.attributes['rpc.method'], 'Call');
      assert.equal(span.attributes['rpc.grpc.status_code'], 0);
    }
    assert.match(String(attempt.attributes['network.peer.address']), /^127\.0\.0\.1:\d+$/);
  });

  it('tell of each message with its size and its place in the sequence', async () => {
    const otel = started();
    const server = running.server().bidiStreaming(PATH, async function* (requests) {
      for await (const request of requests) yield Buffer.concat([request, request]);
    });
    const channel = await running.channelTo(server);
    const sizes = [1, 200].map((size) => Buffer.alloc(size));
    assert.equal((await textsOf(channel.bidiStreaming(PATH, sizes))).length, 2);
    await settled(otel, 3);
    const named = (name: string, events: [string, object][]): [string, object][] =>
      events.filter(([one]) => one === name);
    const ofAttempt = eventsOf(otel.span(`Attempt.${NAME}`));
    const ofServer = eventsOf(otel.span(`Recv.${NAME}`));
    const requests = [
      { 'sequence-number': 0, 'message-size': 1 },
      { 'sequence-number': 1, 'message-size': 200 },
    ];
    const responses = [
      { 'sequence-number': 0, 'message-size': 2 },
      { 'sequence-number': 1, 'message-size': 400 },
    ];
    const as = (name: string, list: object[]): [string, object][] => list.map((one) => [name, one]);
    assert.deepEqual(named('Outbound message', ofAttempt), as('Outbound message', requests));
    assert.deepEqual(named('Inbound message', ofAttempt), as('Inbound message', responses));
    assert.deepEqual(named('Inbound message', ofServer), as('Inbound message', requests));
    assert.deepEqual(named('Outbound message', ofServer), as('Outbound message', responses));
  });

  it('of each retry say how many attempts came before, and end with their own status', async () => {
    const otel = started();
    const fails = failing(2);
    const server = running.server().unary(PATH, (request) => {
      fails();
      return request;
    });
    const channel = await running.channelTo(server, { serviceConfig: RETRYING });
    await channel.unary(PATH, X);
    await settled(otel, 7);
    const attempts = otel.spans().filter(({ name }) => name === `Attempt.${NAME}`);
    const told = attempts.map(({ attributes, status }) => [
      attributes['previous-rpc-attempts'],
      status.code,
      status.message,
    ]);
    assert.deepEqual(told, [
      [0, SpanStatusCode.ERROR, 'UNAVAILABLE: not now'],
      [1, SpanStatusCode.ERROR, 'UNAVAILABLE: not now'],
      [2, SpanStatusCode.OK, undefined],
    ]);
    const sent = otel.span(`Sent.${NAME}`);
    assert.equal(sent.status.code, SpanStatusCode.OK);
    for (const attempt of attempts) assertChild(attempt, sent);
    const served = otel.spans().filter(({ name }) => name === `Recv.${NAME}`);
    const parents = served.map(({ parentSpanContext }) => parentSpanContext?.spanId);
    assert.deepEqual(
      parents.toSorted(),
      attempts.map((span) => span.spanContext().spanId).toSorted(),
      'each request is the child of its own attempt',
    );
  });

  it('of a call that the server refused to process say that it was repeated by itself', async () => {
    const otel = started();
    const server = createServer();
    let refusals = 1;
    server.on('stream', (stream) => {
      refusals -= 1;
      if (refusals >= 0) {
        stream.on('error', () => {});
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      stream.resume();
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.of(0, 0, 0, 0, 0));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const channel = running.channel(`127.0.0.1:${address.port}`);
    await channel.unary(PATH, X);
    await channel.close();
    server.close();
    const attempts = otel.spans().filter(({ name }) => name === `Attempt.${NAME}`);
    const told = attempts.map(({ attributes, status }) => [
      attributes['transparent-retry'],
      status.code,
    ]);
    assert.deepEqual(told, [
      [false, SpanStatusCode.ERROR],
      [true, SpanStatusCode.OK],
    ]);
  });

  it('of hedges lie side by side under one call, and each one ends', async () => {
    const otel = started();
    const server = running.server().unary(PATH, (request) => request);
    const hedging: ServiceConfig = {
      methodConfig: [
        {
          name: [{ service: 'test.Traced' }],
          hedgingPolicy: { maxAttempts: 3, hedgingDelay: '0s', nonFatalStatusCodes: [] },
        },
      ],
    };
    const channel = await running.channelTo(server, { serviceConfig: hedging });
    await channel.ready();
    await channel.unary(PATH, X);
    const sent = otel.span(`Sent.${NAME}`);
    const attempts = otel.spans().filter(({ name }) => name === `Attempt.${NAME}`);
    assert.equal(attempts.length, 3);
    for (const attempt of attempts) assertChild(attempt, sent);
    const statuses = attempts.map(({ status }) => status.code);
    assert.deepEqual(statuses.toSorted(), [
      SpanStatusCode.OK,
      SpanStatusCode.ERROR,
      SpanStatusCode.ERROR,
    ]);
  });

  it('of a call that is refused have its status and no server', async () => {
    const otel = started();
    const channel = running.channel('127.0.0.1:1');
    const error = await failureOf(channel.unary(PATH, X, { timeoutMs: 0 }));
    assert.equal(error.code, Status.DEADLINE_EXCEEDED);
    const sent = otel.span(`Sent.${NAME}`);
    assert.equal(sent.status.code, SpanStatusCode.ERROR);
    assert.equal(sent.status.message, `DEADLINE_EXCEEDED: ${error.details}`);
    assert.equal(sent.attributes['rpc.grpc.status_code'], Status.DEADLINE_EXCEEDED);
  });

  it('of methods that a server does not have do not take their names from the client', async () => {
    const otel = started();
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    await failureOf(channel.unary('/test.Traced/Invented', X));
    await settled(otel, 3);
    assert.equal(otel.span('Recv.other').attributes['rpc.method'], 'Invented');
    otel.span('Sent.test.Traced.Invented');
  });

  it('end where the call is cancelled', async () => {
    const otel = started();
    const server = running.server().serverStreaming(PATH, async function* (request, call) {
      yield request;
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    });
    const channel = await running.channelTo(server);
    for await (const _ of channel.serverStreaming(PATH, X)) break;
    await settled(otel, 3);
    for (const name of [`Sent.${NAME}`, `Attempt.${NAME}`, `Recv.${NAME}`]) {
      assert.match(otel.span(name).status.message ?? '', /^CANCELLED/, name);
    }
  });
});

describe('the context of a handler', () => {
  it('is that of its span, for handlers of every kind and after what they await', async () => {
    const otel = started();
    const seen: [string, string | undefined][] = [];
    const see = (where: string): void => {
      seen.push([where, activeSpan()]);
    };
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const server = running
      .server()
      .unary('/test.Kinds/Unary', async (request) => {
        see('Unary');
        await turn();
        see('Unary');
        return request;
      })
      .serverStreaming('/test.Kinds/Server', async function* (request) {
        see('Server');
        yield request;
        await turn();
        see('Server');
        // Larger than the write quota: the pump waits for the socket.
        yield Buffer.alloc(200_000);
        see('Server');
        yield request;
        see('Server');
      })
      .clientStreaming('/test.Kinds/Client', async (requests) => {
        see('Client');
        for await (const _ of requests) see('Client');
        see('Client');
        return X;
      })
      .bidiStreaming('/test.Kinds/Bidi', async function* (requests) {
        see('Bidi');
        for await (const request of requests) {
          see('Bidi');
          yield request;
        }
      })
      .handle('/test.Kinds/Callbacks', (call) => {
        see('Callbacks');
        call.end(Status.OK);
        return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {} };
      });
    const channel = await running.channelTo(server);
    await channel.unary('/test.Kinds/Unary', X);
    await textsOf(channel.serverStreaming('/test.Kinds/Server', X));
    await channel.clientStreaming('/test.Kinds/Client', [X, X]);
    await textsOf(channel.bidiStreaming('/test.Kinds/Bidi', [X, X]));
    await textsOf(channel.bidiStreaming('/test.Kinds/Callbacks', []));
    await settled(otel, 15);
    const kinds = ['Unary', 'Server', 'Client', 'Bidi', 'Callbacks'];
    for (const kind of kinds) {
      const { spanId } = otel.span(`Recv.test.Kinds.${kind}`).spanContext();
      const ids = seen.filter(([where]) => where === kind).map(([, id]) => id);
      assert.ok(ids.length > 0, kind);
      for (const id of ids) assert.equal(id, spanId, kind);
    }
    assert.equal(activeSpan(), undefined);
  });

  it('makes the calls of a handler the children of its span', async () => {
    const otel = started();
    const backend = running.server().unary('/test.Back/End', (request) => request);
    const toBackend = await running.channelTo(backend);
    const server = running.server().unary(PATH, async (request, call) => {
      await Promise.resolve();
      return toBackend.unary('/test.Back/End', request, { parent: call });
    });
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    await settled(otel, 6);
    assertChild(otel.span('Sent.test.Back.End'), otel.span(`Recv.${NAME}`));
    const traces = new Set(otel.spans().map((span) => span.spanContext().traceId));
    assert.equal(traces.size, 1);
  });

  it('runs interceptors inside as well', async () => {
    const otel = started();
    let seen: string | undefined;
    const server = running
      .server({
        interceptors: [
          (request, next) => {
            seen = activeSpan();
            return next(request);
          },
        ],
      })
      .unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    await settled(otel, 3);
    assert.equal(seen, otel.span(`Recv.${NAME}`).spanContext().spanId);
  });
});

describe('what goes wrong in the SDK', () => {
  it('goes to its log, and calls go on', async (test) => {
    const logged: unknown[] = [];
    const error = (text: string): void => {
      logged.push(text);
    };
    const ignore = (): void => {};
    const logger = { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore };
    diag.setLogger(logger, { suppressOverrideMessage: true });
    test.after(() => diag.disable());
    const broken = (): never => {
      throw new Error('broken');
    };
    started({ propagator: { inject: broken, extract: broken, fields: () => [] } });
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    assert.deepEqual(logged, [
      'sluice: an event of sluice:attempt could not be recorded',
      'sluice: an event of sluice:call could not be recorded',
    ]);
  });

  it('is nothing where there is no SDK', async () => {
    const handle = instrument();
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    handle.disable();
  });
});

describe('propagation', () => {
  it('sends the context of the attempt beside the metadata of the caller, which stays as it was', async () => {
    const server = running.server().unary(PATH, (_, call) => {
      const { metadata } = call;
      return Buffer.from(`${metadata.get('mine')} ${metadata.get('traceparent')}`);
    });
    const channel = await running.channelTo(server);
    const metadata = new Metadata({ mine: 'kept' });
    const otel = started();
    const answer = String(await channel.unary(PATH, X, { metadata }));
    await settled(otel, 3);
    const { traceId, spanId } = otel.span(`Attempt.${NAME}`).spanContext();
    assert.equal(answer, `kept 00-${traceId}-${spanId}-01`);
    // The caller's own metadata is its own.
    assert.deepEqual([...metadata.keys()], ['mine']);
  });

  it('continues the trace of a client that is not instrumented here', async () => {
    const otel = started();
    const server = running.server().unary(PATH, (request) => request);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const metadata = new grpcJs.Metadata();
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    const client = new grpcJs.Client(`127.0.0.1:${port}`, grpcJs.credentials.createInsecure());
    const asIs = (bytes: Buffer): Buffer => bytes;
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(PATH, asIs, asIs, X, metadata, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    client.close();
    await settled(otel, 1);
    const served = otel.span(`Recv.${NAME}`);
    assert.equal(served.spanContext().traceId, '0af7651916cd43dd8448eb211c80319c');
    assert.equal(served.parentSpanContext?.spanId, 'b7ad6b7169203331');
  });

  it('begins a trace of its own where a client sends none', async () => {
    const otel = started({
      propagator: { inject() {}, extract: (into) => into, fields: () => [] },
    });
    // Whatever is active where a server is made is none of its calls'.
    await otel.tracers.getTracer('test').startActiveSpan('creator', async (span) => {
      const server = running.server().unary(PATH, (request) => request);
      const channel = await running.channelTo(server);
      await channel.unary(PATH, X);
      span.end();
    });
    await settled(otel, 4);
    assert.equal(otel.span(`Recv.${NAME}`).parentSpanContext, undefined);
  });

  it('leaves out what no metadata can carry, and the call goes on', async () => {
    const otel = started({
      propagator: {
        inject(_, carrier, setter) {
          setter.set(carrier, 'grpc-timeout', '1S');
          setter.set(carrier, 'text', 'not ascii: \u00e9');
          setter.set(carrier, 'bytes-bin', Buffer.from('bytes').toString('base64'));
          setter.set(carrier, 'fine', 'yes');
        },
        extract(into, carrier, getter) {
          return into.setValue(KEY, [
            getter.get(carrier, 'fine'),
            getter.get(carrier, 'bytes-bin'),
            getter.keys(carrier).includes('text'),
          ]);
        },
        fields: () => [],
      },
    });
    let extracted: unknown;
    const server = running.server().unary(PATH, (request) => {
      extracted = context.active().getValue(KEY);
      return request;
    });
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    await settled(otel, 3);
    assert.deepEqual(extracted, ['yes', Buffer.from('bytes').toString('base64'), false]);
  });

  it('goes out with calls that are not sampled', async () => {
    const otel = started({
      tracerProvider: new BasicTracerProvider({ sampler: new AlwaysOffSampler() }),
    });
    let received: string | undefined;
    const server = running.server().unary(PATH, (request, call) => {
      received = call.metadata.get('traceparent');
      return request;
    });
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    assert.match(received ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.deepEqual(otel.spans(), []);
  });
});
