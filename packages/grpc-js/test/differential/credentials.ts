// Credentials by themselves: what they are made of, what they refuse, when they are equal, and the
// metadata they make. Not here: what becomes of calls (credentials-calls.ts).

import { createSecureContext } from 'node:tls';
import type { CallCredentials, ChannelCredentials } from '@grpc/grpc-js';
import { CA_CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, SERVER_KEY } from '../certificates.ts';
import type { Grpc } from './credentials-server.ts';
import { type Deep, errorOf, type Observation, type Observe, outcomeOf } from './observation.ts';

type See = (name: string, act: () => unknown) => void;

const CA = Buffer.from(CA_CERTIFICATE);
const KEY = Buffer.from(CLIENT_KEY);
const CHAIN = Buffer.from(CLIENT_CERTIFICATE);
const ASKED = { method_name: '/a.B/C', service_url: 'https://host/a.B' };

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  sslArguments(grpc, see);
  compositions(grpc, see);
  equality(grpc, see);
  callEquality(grpc, see);
  emptiness(grpc, deep, see);
  roots(deep, see);
  await generated(grpc, seen);
  await google(grpc, seen);
  return seen;
};

function sslArguments(grpc: Grpc, see: See): void {
  // Programs without types give what they like.
  const createSsl = grpc.credentials.createSsl as unknown as (
    ...args: unknown[]
  ) => ChannelCredentials;
  const cases: readonly [name: string, args: readonly unknown[]][] = [
    ['nothing', []],
    ['nulls', [null, null, null]],
    ['a root', [CA]],
    ['all three', [CA, KEY, CHAIN]],
    ['a root as text', [CA_CERTIFICATE]],
    ['a root as Uint8Array', [new Uint8Array(CA)]],
    ['a root as an array', [[CA]]],
    ['an empty root', [Buffer.alloc(0)]],
    ['a root that is no PEM', [Buffer.from('nonsense')]],
    ['a key as text', [CA, CLIENT_KEY, CHAIN]],
    ['a chain as text', [CA, KEY, CLIENT_CERTIFICATE]],
    ['a key without a chain', [CA, KEY]],
    ['a chain without a key', [CA, null, CHAIN]],
    ['an empty key', [CA, Buffer.alloc(0), CHAIN]],
    ['false', [false]],
    ['zero and an empty text', [0, '', '']],
    ['verify options that are null', [CA, null, null, null]],
    ['verify options', [CA, null, null, { rejectUnauthorized: false }]],
  ];
  for (const [name, args] of cases) {
    see(`createSsl of ${name}`, () => createSsl(...args)._isSecure());
  }
  see('createSsl of a key that is no PEM', () => {
    try {
      createSsl(CA, Buffer.from('nonsense'), CHAIN);
      return 'made';
    } catch (error) {
      return error instanceof Error;
    }
  });
  see('createSsl of a key of another certificate', () => {
    try {
      createSsl(CA, Buffer.from(SERVER_KEY), CHAIN);
      return 'made';
    } catch (error) {
      return error instanceof Error;
    }
  });
  see('createFromSecureContext', () =>
    grpc.credentials.createFromSecureContext(createSecureContext())._isSecure(),
  );
  see('createInsecure', () => grpc.credentials.createInsecure()._isSecure());
  see('all are channel credentials', () => [
    createSsl() instanceof grpc.ChannelCredentials,
    grpc.credentials.createInsecure() instanceof grpc.ChannelCredentials,
    createSsl().compose(token(grpc, 'a')) instanceof grpc.ChannelCredentials,
  ]);
}

/** Credentials that give one authorization. */
function token(grpc: Grpc, name: string): CallCredentials {
  return grpc.credentials.createFromMetadataGenerator((_options, callback) => {
    const metadata = new grpc.Metadata();
    metadata.add('authorization', name);
    metadata.add('made', name);
    callback(null, metadata);
  });
}

function compositions(grpc: Grpc, see: See): void {
  const { credentials } = grpc;
  const insecure = credentials.createInsecure();
  const ssl = credentials.createSsl();
  const a = token(grpc, 'a');
  see('insecure composed', () => insecure.compose(a)._isSecure());
  see('insecure composed with empty', () =>
    insecure.compose(credentials.createEmpty())._isSecure(),
  );
  see('insecure combined', () => credentials.combineChannelCredentials(insecure, a)._isSecure());
  see('insecure combined with nothing', () =>
    Object.is(credentials.combineChannelCredentials(insecure), insecure),
  );
  see('ssl combined with nothing', () =>
    Object.is(credentials.combineChannelCredentials(ssl), ssl),
  );
  see('ssl composed is secure', () => ssl.compose(a)._isSecure());
  see('ssl composed is another', () => Object.is(ssl.compose(a), ssl));
  see('ssl composed twice is secure', () => ssl.compose(a).compose(token(grpc, 'b'))._isSecure());
  see('one call credential combined', () => Object.is(credentials.combineCallCredentials(a), a));
  see('a composed with empty', () => Object.is(a.compose(credentials.createEmpty()), a));
  see('a b composed with empty', () => {
    const both = a.compose(token(grpc, 'b'));
    return Object.is(both.compose(credentials.createEmpty()), both);
  });
  see('empty composed with a', () => Object.is(credentials.createEmpty().compose(a), a));
  see('all are call credentials', () => [
    a instanceof grpc.CallCredentials,
    credentials.createEmpty() instanceof grpc.CallCredentials,
    a.compose(a) instanceof grpc.CallCredentials,
  ]);
}

function equality(grpc: Grpc, see: See): void {
  const { credentials, experimental } = grpc;
  const context = createSecureContext();
  const check = (): undefined => undefined;
  const a = token(grpc, 'a');
  const b = token(grpc, 'b');
  const ssl = credentials.createSsl();
  const provider = {
    addCaCertificateListener: () => {},
    removeCaCertificateListener: () => {},
    addIdentityCertificateListener: () => {},
    removeIdentityCertificateListener: () => {},
  };
  const { createCertificateProviderChannelCredentials: provided } = experimental;
  const all: readonly [name: string, made: ChannelCredentials][] = [
    ['insecure', credentials.createInsecure()],
    ['insecure again', credentials.createInsecure()],
    ['ssl', ssl],
    ['ssl again', credentials.createSsl()],
    ['context', credentials.createFromSecureContext(context)],
    ['context again', credentials.createFromSecureContext(context)],
    [
      'context, check',
      credentials.createFromSecureContext(context, { checkServerIdentity: check }),
    ],
    [
      'context, unchecked',
      credentials.createFromSecureContext(context, { rejectUnauthorized: false }),
    ],
    ['ssl with a', ssl.compose(a)],
    ['ssl with a again', ssl.compose(a)],
    ['ssl with b', ssl.compose(b)],
    ['ssl with a and b', ssl.compose(a).compose(b)],
    ['ssl with a and b at once', ssl.compose(a.compose(b))],
    ['provider', provided(provider, null)],
    ['provider again', provided(provider, null)],
    ['provider with identity', provided(provider, provider)],
    ['provider, unchecked', provided(provider, null, { rejectUnauthorized: false })],
  ];
  for (const [name, made] of all) {
    see(`what equals ${name}`, () =>
      all.filter(([, other]) => made._equals(other)).map(([other]) => other),
    );
  }
}

function callEquality(grpc: Grpc, see: See): void {
  const { credentials } = grpc;
  const generator = (_options: unknown, callback: (error: null) => void): void => callback(null);
  const a = token(grpc, 'a');
  const b = token(grpc, 'b');
  const c = token(grpc, 'c');
  const all: readonly [name: string, made: CallCredentials][] = [
    ['empty', credentials.createEmpty()],
    ['empty again', credentials.createEmpty()],
    ['a', a],
    ['a generator', credentials.createFromMetadataGenerator(generator)],
    ['a generator again', credentials.createFromMetadataGenerator(generator)],
    ['a b', a.compose(b)],
    ['a b again', credentials.combineCallCredentials(a, b)],
    ['b a', b.compose(a)],
    ['a b c', a.compose(b).compose(c)],
    ['a (b c)', a.compose(b.compose(c))],
  ];
  for (const [name, made] of all) {
    see(`what equals the call credentials ${name}`, () =>
      all.filter(([, other]) => made._equals(other)).map(([other]) => other),
    );
  }
}

function emptiness(grpc: Grpc, deep: Deep, see: See): void {
  const file = deep(
    'call-credentials',
  ) as typeof import('@grpc/grpc-js/build/src/call-credentials');
  const { credentials } = grpc;
  see('isEmptyCallCredentials', () => [
    file.isEmptyCallCredentials(credentials.createEmpty()),
    file.isEmptyCallCredentials(credentials.createEmpty().compose(credentials.createEmpty())),
    file.isEmptyCallCredentials(token(grpc, 'a')),
    file.isEmptyCallCredentials(token(grpc, 'a').compose(credentials.createEmpty())),
  ]);
}

function roots(deep: Deep, see: See): void {
  const file = deep('tls-helpers') as typeof import('@grpc/grpc-js/build/src/tls-helpers');
  see('the default roots', () => file.getDefaultRootsData());
  see('the cipher suites', () => file.CIPHER_SUITES ?? 'none');
}

async function outcome(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return { resolved: await act() };
  } catch (error) {
    return { rejected: errorOf(error) ?? null };
  }
}

async function generated(grpc: Grpc, seen: Observation[]): Promise<void> {
  const { credentials } = grpc;
  const of = credentials.createFromMetadataGenerator;
  const map = async (made: CallCredentials): Promise<unknown> =>
    (await made.generateMetadata(ASKED)).toJSON();
  const see = async (name: string, act: () => Promise<unknown>): Promise<void> => {
    seen.push({ name, value: await outcome(act) });
  };
  const a = token(grpc, 'a');
  const b = token(grpc, 'b');
  await see('metadata of a', () => map(a));
  await see('metadata of empty', () => map(credentials.createEmpty()));
  await see('metadata of a b', () => map(a.compose(b)));
  await see('metadata of b a', () => map(b.compose(a)));
  await see('metadata of empty a', () => map(credentials.createEmpty().compose(a)));
  await see('metadata of a b b', () => map(credentials.combineCallCredentials(a, b, b)));
  await see('a generator hears', async () => {
    let heard: unknown;
    await map(
      of((options, callback) => {
        heard = options;
        callback(null, new grpc.Metadata());
      }),
    );
    return heard;
  });
  const failing: readonly [name: string, made: CallCredentials][] = [
    ['fails', of((_options, callback) => callback(new Error('no token')))],
    [
      'throws',
      of(() => {
        throw new Error('broken');
      }),
    ],
    ['gives nothing', of((_options, callback) => callback(null))],
    [
      'gives an error and metadata',
      of((_options, callback) => callback(new Error('half'), new grpc.Metadata())),
    ],
    ['gives null', of((_options, callback) => callback(null, null as unknown as undefined))],
  ];
  for (const [name, made] of failing) {
    await see(`a generator that ${name}`, () => made.generateMetadata(ASKED));
    await see(`a generator that ${name}, behind another`, () =>
      a.compose(made).generateMetadata(ASKED),
    );
  }
  await see('a generator that calls back twice', () =>
    map(
      of((_options, callback) => {
        const metadata = new grpc.Metadata();
        metadata.set('k', 'v');
        callback(null, metadata);
        callback(new Error('too late'));
      }),
    ),
  );
}

async function google(grpc: Grpc, seen: Observation[]): Promise<void> {
  const heard: unknown[] = [];
  // The client libraries of Google, of several versions, and broken ones.
  const clients: readonly [name: string, client: object][] = [
    [
      'of old',
      {
        getRequestMetadata(url: string, callback: (error: null, headers: object) => void) {
          heard.push(['old', url, this !== undefined]);
          callback(null, { authorization: 'Bearer old', 'x-goog': '1' });
        },
      },
    ],
    [
      'of old that fails',
      {
        getRequestMetadata: (_url: string, callback: (error: Error) => void) =>
          callback(new Error('no login')),
      },
    ],
    [
      'of old that gives nothing',
      {
        getRequestMetadata: (_url: string, callback: (error: null) => void) => callback(null),
      },
    ],
    [
      'of today',
      {
        getRequestHeaders(url: string) {
          heard.push(['today', url, this !== undefined]);
          return Promise.resolve({ Authorization: 'Bearer new' });
        },
      },
    ],
    ['of today that fails', { getRequestHeaders: () => Promise.reject(new Error('expired')) }],
    [
      'of both kinds',
      {
        getRequestMetadata: (_url: string, callback: (error: null, headers: object) => void) =>
          callback(null, { which: 'old' }),
        getRequestHeaders: () => Promise.resolve({ which: 'new' }),
      },
    ],
    ['with no headers', { getRequestHeaders: () => Promise.resolve({}) }],
    [
      'with the headers of fetch',
      {
        getRequestHeaders: () => Promise.resolve(new Headers({ authorization: 'Bearer fetch' })),
      },
    ],
  ];
  for (const [name, client] of clients) {
    const made = grpc.credentials.createFromGoogleCredential(
      client as Parameters<Grpc['credentials']['createFromGoogleCredential']>[0],
    );
    const value = await outcome(async () => (await made.generateMetadata(ASKED)).toJSON());
    seen.push({ name: `a client of Google's ${name}`, value });
  }
  seen.push({ name: "what Google's clients hear", value: heard });
}
