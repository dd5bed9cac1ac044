// "Thrown: misuse" of docs/errors.md: each text, thrown at the value that it is about.
// Longer than 400 lines because it is a table: one row for each text of that section.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { MessageReader } from '#sluice/grpc/message-framing.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import {
  type AnyService,
  brotliEncoding,
  type Channel,
  type ChannelOptions,
  type ClientInterceptor,
  certificateFiles,
  connect,
  createClient,
  createServer,
  gzipEncoding,
  type MessageCodec,
  Metadata,
  methodOf,
  registerMessageEncoding,
  registerResolver,
  type Server,
  type ServerOptions,
  withMethodsOf,
} from '#sluice/index.js';
import { addHealth } from '#sluice/services/health.js';
import { addReflection } from '#sluice/services/reflection.js';
import { StreamTable } from '#sluice/transport/stream-table.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { Shop } from '../gen/es/shop_pb.js';
import { Shop as ProtobufTsShop } from '../gen/protobuf-ts/shop_pb.js';
import { jsonMethod } from '../support/json-method.js';
import { failureOf, Running } from '../support/running.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { listed } from './listed.js';

const PATH = '/test.Misuse/Call';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** What a program without types may pass. */
function loose<T>(value: unknown): T {
  return value as T;
}

function server(): Server {
  return running.server();
}

function channel(options?: ChannelOptions): Channel {
  return running.channel('127.0.0.1:1', options);
}

function configured(serviceConfig: unknown): Channel {
  return channel({ serviceConfig: loose(serviceConfig) });
}

function policy(name: string, config: unknown): Channel {
  return configured({ loadBalancingConfig: [{ [name]: config }] });
}

function codec(name: string): MessageCodec {
  return { ...gzipEncoding(), name };
}

/** A definition of ts-proto with nothing to call. */
const NOTHING = { name: 'Nothing', fullName: 'test.Nothing', methods: {} };

/** Handlers of which none has the name of a method. */
class Closed {
  closedMethod(): void {}
}

const SHOP = { name: [{ service: 'test.Misuse' }] };

type Row = readonly [kind: 'TypeError' | 'RangeError' | 'Error', text: string, act: () => unknown];

const CONNECT: readonly Row[] = [
  [
    'TypeError',
    'target "<target>" is not understood; use "host:port", "[v6]:port", "dns:///host:port", "ipv4:a:port,b:port", "ipv6:[a]:port,[b]:port", "static:a:port,b:port", "unix:/path" or "unix-abstract:name"',
    () => connect('http://host:1'),
  ],
  [
    'TypeError',
    'target "<target>" names the DNS server "<server>"; name it by its address, as in "dns://8.8.8.8/host:port", or use "dns:///host:port" for the system\'s',
    () => connect('dns://resolver/host:1'),
  ],
  [
    'TypeError',
    'the scheme "<scheme>" cannot be registered; use a-z first, then a-z, 0-9, "+", "-" or "."',
    () => registerResolver({ scheme: 'No Scheme', authority: () => '', create: loose(undefined) }),
  ],
  [
    'TypeError',
    'proxy is "<url>"; use "http://host:port", gRPC reaches proxies by plain HTTP CONNECT only',
    () => channel({ proxy: 'socks5://host:1' }),
  ],
  [
    'TypeError',
    'proxy is <value>; use "http://host:port", or false for none',
    () => channel({ proxy: loose(true) }),
  ],
  ['TypeError', 'the service config is not JSON: <why>', () => configured('{')],
  [
    'RangeError',
    '<field> is <value>; it must be <rule>',
    () => configured({ methodConfig: [{ ...SHOP, timeout: '-1s' }] }),
  ],
  [
    'RangeError',
    'methodConfig[<i>] has a retryPolicy and a hedgingPolicy; use one of them',
    () => {
      const retryPolicy = {
        maxAttempts: 2,
        initialBackoff: '1s',
        maxBackoff: '1s',
        backoffMultiplier: 1,
        retryableStatusCodes: ['UNAVAILABLE'],
      };
      const hedgingPolicy = { maxAttempts: 2, hedgingDelay: '1s' };
      configured({ methodConfig: [{ ...SHOP, retryPolicy, hedgingPolicy }] });
    },
  ],
  [
    'RangeError',
    'loadBalancingConfig names no policy that is known: <names>; register one or use pick_first or round_robin',
    () => policy('nothing', {}),
  ],
  [
    'RangeError',
    'admissionPolicy is <value>; it must be wait or fail',
    () => channel({ admissionPolicy: loose('hope') }),
  ],
];

const POLICIES: readonly Row[] = [
  ['TypeError', '<policy> is <value>; it must be an object', () => policy('ring_hash', 1)],
  [
    'TypeError',
    '<policy>.<field> is <value>; it must be true or false',
    () => policy('pick_first', { shuffleAddressList: 1 }),
  ],
  [
    'TypeError',
    '<policy>.<field> is <value>; it must be a string',
    () => policy('ring_hash', { requestHashHeader: 1 }),
  ],
  [
    'TypeError',
    '<policy>.<field> is <value>; it must be a number',
    () => policy('ring_hash', { minRingSize: {} }),
  ],
  [
    'RangeError',
    '<policy>.<field> is <value>; it must be a whole number from <n> to <n>',
    () => policy('ring_hash', { minRingSize: -1 }),
  ],
  [
    'RangeError',
    '<policy>.<field> is <value>; it must be a number of 0 or more',
    () => policy('weighted_round_robin', { errorUtilizationPenalty: -1 }),
  ],
  [
    'RangeError',
    'weighted_round_robin.enableOobLoadReport is true; it must be false, reports come with calls only',
    () => policy('weighted_round_robin', { enableOobLoadReport: true }),
  ],
  [
    'RangeError',
    'ring_hash.minRingSize is <n>; it must be <n> at most, which is maxRingSize',
    () => policy('ring_hash', { minRingSize: 10, maxRingSize: 5 }),
  ],
  [
    'RangeError',
    'ring_hash.requestHashHeader is <value>; it must be the name of a request field with text values',
    () => policy('ring_hash', { requestHashHeader: 'a-bin' }),
  ],
];

const SERVICES: readonly Row[] = [
  [
    'TypeError',
    'no service definition: <value>; pass the service that protoc-gen-es (v2), ts-proto (outputServices=generic-definitions or grpc-js), @grpc/proto-loader or protobuf-ts generates',
    () => createClient(loose<AnyService>({ shop: 1 }), channel()),
  ],
  [
    'TypeError',
    'the service has no method <name>; it has <names>',
    () => methodOf(ProtobufTsShop, loose<string>('steal')),
  ],
  [
    'TypeError',
    'createClient takes a service and a channel; make one with connect()',
    () => createClient(ProtobufTsShop, loose(undefined)),
  ],
  [
    'TypeError',
    'withMethodsOf takes a ServiceType of protobuf-ts',
    () => withMethodsOf(loose({ typeName: 'a.B' })),
  ],
  [
    'TypeError',
    '<path> is <kind>; it cannot be registered as <kind>',
    () => server().unary(loose(jsonMethod(PATH, 'bidiStreaming')), () => X),
  ],
  [
    'TypeError',
    'no method of the service has a handler; it has <names>',
    () => server().add(ProtobufTsShop, loose(new Closed())),
  ],
  [
    'TypeError',
    'the handler of <name> is <type>; it must be a function',
    () => server().add(ProtobufTsShop, loose({ getItem: 1 })),
  ],
  [
    'TypeError',
    'path "<path>" is not "/package.Service/Method"',
    () => server().unary('a/b', () => X),
  ],
  [
    'Error',
    '<path> has a handler already',
    () =>
      server()
        .unary(PATH, () => X)
        .unary(PATH, () => X),
  ],
  [
    'Error',
    'the server has a fallback already',
    () =>
      server()
        .fallback(loose(() => {}))
        .fallback(loose(() => {})),
  ],
  [
    'Error',
    'the server has no TLS settings to change; make it with options.tls',
    () => server().setCertificates({}),
  ],
  [
    'TypeError',
    '<value> is no status of a service; use SERVING, NOT_SERVING or UNKNOWN',
    () => addHealth(server()).set('', loose('FINE')),
  ],
  [
    'TypeError',
    'the service definition has no methods; pass the name of the service',
    () => addHealth(server()).set(NOTHING, 'SERVING'),
  ],
  [
    'TypeError',
    '<n> bytes of descriptors are no google.protobuf.FileDescriptorSet',
    () => addReflection(server(), { descriptors: [Buffer.from('not one')] }),
  ],
  [
    'TypeError',
    'descriptors takes files of protoc-gen-es, FileDescriptorSets and the bytes of such',
    () => addReflection(server(), { descriptors: [loose({})] }),
  ],
  [
    'TypeError',
    'certificateFiles needs the paths of key and cert, of ca, or of all three',
    () => certificateFiles({ key: 'key.pem' }),
  ],
];

function options(given: unknown): Server {
  return createServer(loose<ServerOptions>(given));
}

const OPTIONS: readonly Row[] = [
  [
    'RangeError',
    'limits.<name> is not a limit; known limits: <names>',
    () => options({ limits: { calls: 1 } }),
  ],
  [
    'RangeError',
    'limits.<name> is <value>; it must be an integer of at least 1, or Infinity for none',
    () => options({ limits: { streams: 0 } }),
  ],
  [
    'RangeError',
    '<option> is <value>; it must be an integer from 16384 to 2147483647 bytes',
    () => options({ initialStreamWindow: 1 }),
  ],
  [
    'RangeError',
    '<option> is <value>; it must be an integer from 1 to 65536 bytes',
    () => options({ maxHeaderListBytes: 100_000 }),
  ],
  [
    'RangeError',
    '<option> is <value>; it must be more than 0 <unit>',
    () => options({ maxReceiveMessageLength: -1 }),
  ],
  [
    'RangeError',
    'compress is "<name>"; it must be one of <names>, or another after registerMessageEncoding',
    () => options({ compress: 'snappy' }),
  ],
  [
    'TypeError',
    'message encoding "<name>" may have 0-9, a-z, "_", "." and "-" only, and not be identity',
    () => registerMessageEncoding(codec('identity')),
  ],
  [
    'RangeError',
    'message encoding "<name>" is one too many; 31 fit',
    () => {
      for (let i = 0; i < 32; i += 1) registerMessageEncoding(codec(`test-${i}`));
    },
  ],
  ['RangeError', 'level is <n>; it must be an integer from <n> to <n>', () => brotliEncoding(12)],
];

const METADATA: readonly Row[] = [
  [
    'TypeError',
    'metadata key "<key>" may have 0-9, a-z, "_", "." and "-" only',
    () => new Metadata({ 'a key': 'v' }),
  ],
  [
    'TypeError',
    'metadata key "<key>" is reserved for the protocol and cannot be set',
    () => new Metadata({ 'grpc-timeout': '1S' }),
  ],
  [
    'TypeError',
    'metadata "<key>" takes a Uint8Array, because its key ends in "-bin"',
    () => new Metadata().set(loose<string>('k-bin'), 'text'),
  ],
  [
    'TypeError',
    'metadata "<key>" takes a string; bytes need a key that ends in "-bin"',
    () => new Metadata().set('k', loose(X)),
  ],
  [
    'TypeError',
    'metadata "<key>" has a character that is not printable ASCII; send it under "<key>-bin"',
    () => new Metadata({ k: 'a\nb' }),
  ],
];

// Nobody who uses Sluice can cause these.
const OURS: readonly Row[] = [
  [
    'RangeError',
    'a timer needs a deadline, not NaN',
    () => {
      const timer = {
        wheelNext: undefined,
        wheelPrevious: undefined,
        wheelSlot: -1,
        wheelDeadline: 0,
        onTimer() {},
      };
      new TimerWheel(new VirtualClock()).add(timer, Number.NaN);
    },
  ],
  [
    'Error',
    'MessageReader.push called from inside its own sink',
    () => {
      const bytes = Buffer.alloc(5);
      const reader: MessageReader = new MessageReader(
        {
          onMessage: () => reader.push(bytes, 0, 5),
          onFault() {},
          onEnd() {},
          mayAllocate: () => true,
        },
        10,
      );
      reader.want(1);
      reader.push(bytes, 0, 5);
    },
  ],
  ['RangeError', '<id> is no stream id', () => new StreamTable<object>().set(0, {})],
  [
    'TypeError',
    'the segment belongs to another encoder',
    () => {
      const out = Buffer.alloc(100);
      const segment = new HpackEncoder(4_096).createSegment(['k', 'v']);
      const other = new HpackEncoder(4_096);
      other.writeSegment(segment, out, other.beginBlock(out, 0));
    },
  ],
  [
    'TypeError',
    'a header list is names and values in turn',
    () => new HpackEncoder(4_096).createSegment(['k']),
  ],
];

for (const [what, rows] of [
  ['a target or a config', CONNECT],
  ['the config of a balancing policy', POLICIES],
  ['a service, its handlers and certificates', SERVICES],
  ['an option', OPTIONS],
  ['metadata', METADATA],
  ['a bug in Sluice', OURS],
] as const) {
  describe(`misuse: ${what}`, () => {
    for (const [kind, text, act] of rows) {
      it(`${kind}: ${text.slice(0, 90)}`, () => {
        assert.throws(act, { name: kind, message: listed(text) });
      });
    }
  });
}

describe('misuse of a call', () => {
  it('is its rejection: timeoutMs', async () => {
    for (const timeoutMs of [Number.NaN, loose<number>('1s')]) {
      const misuse = {
        name: 'RangeError',
        message: listed('timeoutMs is <value>; it must be a number of ms'),
      };
      const interceptors: ClientInterceptor[] = [(request, next) => next(request)];
      await assert.rejects(channel().unary(PATH, X, { timeoutMs }), misuse);
      await assert.rejects(
        async () => channel().unary(PATH, X, { timeoutMs, interceptors }),
        misuse,
      );
      await assert.rejects(async () => channel().watchState('IDLE', { timeoutMs }), misuse);
    }
  });

  it('is its rejection: the kind of a method', async () => {
    const method = jsonMethod(PATH, 'bidiStreaming');
    await assert.rejects(async () => channel().unary(method, 1), {
      name: 'TypeError',
      message: listed('<path> is a <kind> method; call it with channel.<kind>'),
    });
  });

  it('is its rejection: a message that is none of the method', async () => {
    for (const shop of [ProtobufTsShop, Shop]) {
      const client = createClient<AnyService>(shop, channel());
      const { getItem } = loose<Record<'getItem', (message: unknown) => Promise<unknown>>>(client);
      const { details } = await failureOf(getItem('text'));
      assert.match(details, listed('cannot encode the request of <path>: <why>'));
      assert.match(details.split(': ')[1] ?? '', listed('<value> is no message <type>'));
    }
  });

  it('is its rejection: a message that is no Uint8Array', async () => {
    await assert.rejects(channel().unary(PATH, loose<Uint8Array>('text')), {
      name: 'TypeError',
      message: listed('a request must be a Uint8Array, not <type>'),
    });
  });
});

it('a server that was closed listens no more', async () => {
  const closed = server();
  await closed.close();
  await assert.rejects(closed.listen(), {
    name: 'Error',
    message: listed('the server is <draining or closed>; make a new one'),
  });
  assert.throws(() => void server().drain(-1), {
    name: 'RangeError',
    message: listed('graceMs is <value>; it must be 0 ms or more'),
  });
});
