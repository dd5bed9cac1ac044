// What becomes of calls by their credentials: TLS, names of certificates, certificates of clients, and
// the metadata of call credentials. Not here: credentials by themselves (credentials.ts).

import { createSecureContext } from 'node:tls';
import type { CallCredentials, ChannelCredentials, ChannelOptions, Metadata } from '@grpc/grpc-js';
import {
  CA_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  OTHER_CA_CERTIFICATE,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../certificates.ts';
import { type Answer, type Asked, ask, type Grpc, serve } from './credentials-server.ts';
import type { Observation, Observe } from './observation.ts';

const CA = Buffer.from(CA_CERTIFICATE);
const OTHER_CA = Buffer.from(OTHER_CA_CERTIFICATE);
const PAIR = { private_key: Buffer.from(SERVER_KEY), cert_chain: Buffer.from(SERVER_CERTIFICATE) };

type See = (name: string, asked: Partial<Asked>) => Promise<Answer>;

export const observe: Observe = async (grpc) => {
  const seen: Observation[] = [];
  const { server, port } = await serve(grpc, grpc.ServerCredentials.createSsl(null, [PAIR]));
  const see: See = async (name, asked) => {
    const answer = await ask(grpc, {
      target: `localhost:${port}`,
      channel: grpc.credentials.createSsl(CA),
      ...asked,
    });
    seen.push({ name, value: answer });
    return answer;
  };
  await security(grpc, port, see);
  await names(grpc, port, seen);
  await clientCertificates(grpc, seen);
  await requests(grpc, port, seen, see);
  await failures(grpc, see);
  await merging(grpc, see);
  await plain(grpc, seen);
  server.forceShutdown();
  return seen;
};

async function security(grpc: Grpc, port: number, see: See): Promise<void> {
  const { credentials } = grpc;
  await see('TLS by name', {});
  await see('TLS by IPv4 address', { target: `127.0.0.1:${port}` });
  await see('another authority', { channel: credentials.createSsl(OTHER_CA) });
  await see('the authorities of Node', { channel: credentials.createSsl() });
  await see('another authority, not minded', {
    channel: credentials.createSsl(OTHER_CA, null, null, { rejectUnauthorized: false }),
  });
  await see('plain text to a TLS port', { channel: credentials.createInsecure() });
  await see('a context', {
    channel: credentials.createFromSecureContext(createSecureContext({ ca: CA })),
  });
  await see('a context without the authority', {
    channel: credentials.createFromSecureContext(createSecureContext()),
  });
  await see('a check that refuses', {
    channel: credentials.createSsl(CA, null, null, {
      checkServerIdentity: () => new Error('not this one'),
    }),
  });
  await see('a check that takes any name', {
    options: { 'grpc.ssl_target_name_override': 'other.example' },
    channel: credentials.createSsl(CA, null, null, { checkServerIdentity: () => undefined }),
  });
  await see('another name', { options: { 'grpc.ssl_target_name_override': 'other.example' } });
  await see('another name, for an address', {
    target: `127.0.0.1:${port}`,
    options: { 'grpc.ssl_target_name_override': 'localhost' },
  });
  await see('another authority in requests', {
    options: { 'grpc.default_authority': 'other.example' },
  });
}

async function names(grpc: Grpc, port: number, seen: Observation[]): Promise<void> {
  const cases: readonly [name: string, target: string, options: ChannelOptions][] = [
    ['a name', `localhost:${port}`, {}],
    ['dns:', `dns:localhost:${port}`, {}],
    ['dns:///', `dns:///localhost:${port}`, {}],
    ['an address', `127.0.0.1:${port}`, {}],
    ['ipv4:', `ipv4:127.0.0.1:${port}`, {}],
    ['an override', `localhost:${port}`, { 'grpc.ssl_target_name_override': 'x.example' }],
    ['an authority', `localhost:${port}`, { 'grpc.default_authority': 'x.example:443' }],
    [
      'both',
      `localhost:${port}`,
      {
        'grpc.default_authority': 'x.example',
        'grpc.ssl_target_name_override': 'y.example',
      },
    ],
  ];
  for (const [name, target, options] of cases) {
    const heard: unknown[] = [];
    const channel = grpc.credentials.createSsl(CA, null, null, {
      checkServerIdentity: (host, certificate) => {
        heard.push([host, certificate.subject.CN]);
        return undefined;
      },
    });
    const answer = await ask(grpc, { target, channel, options });
    seen.push({ name: `the name that is checked for ${name}`, value: [heard, answer] });
  }
}

async function clientCertificates(grpc: Grpc, seen: Observation[]): Promise<void> {
  const { credentials, ServerCredentials } = grpc;
  const key = Buffer.from(CLIENT_KEY);
  const chain = Buffer.from(CLIENT_CERTIFICATE);
  const servers = [
    ['that is required', ServerCredentials.createSsl(CA, [PAIR], true)],
    ['that is not required', ServerCredentials.createSsl(CA, [PAIR], false)],
    ['of another authority', ServerCredentials.createSsl(OTHER_CA, [PAIR], true)],
  ] as const;
  for (const [name, serverCredentials] of servers) {
    const { server, port } = await serve(grpc, serverCredentials);
    const target = `localhost:${port}`;
    const given = credentials.createSsl(CA, key, chain);
    const withOne = await ask(grpc, { target, channel: given });
    const without = await ask(grpc, { target, channel: credentials.createSsl(CA) });
    seen.push({ name: `a client certificate ${name}`, value: [withOne, without] });
    server.forceShutdown();
  }
}

function generator(grpc: Grpc, fill: (metadata: Metadata) => void): CallCredentials {
  return grpc.credentials.createFromMetadataGenerator((_options, callback) => {
    const metadata = new grpc.Metadata();
    fill(metadata);
    callback(null, metadata);
  });
}

async function requests(grpc: Grpc, port: number, seen: Observation[], see: See): Promise<void> {
  const cases: readonly [name: string, asked: Partial<Asked>][] = [
    ['a name', {}],
    ['an address', { target: `127.0.0.1:${port}` }],
    ['dns:///', { target: `dns:///localhost:${port}` }],
    ['an authority', { options: { 'grpc.default_authority': 'x.example' } }],
    ['an authority with a port', { options: { 'grpc.default_authority': 'x.example:443' } }],
    ['an authority with another port', { options: { 'grpc.default_authority': 'x.example:444' } }],
    ['an authority in brackets', { options: { 'grpc.default_authority': '[::1]:444' } }],
    ['a host', { more: { host: 'y.example:1' } }],
    ['an override', { options: { 'grpc.ssl_target_name_override': 'localhost' } }],
  ];
  for (const [name, asked] of cases) {
    const heard: unknown[] = [];
    const call = grpc.credentials.createFromMetadataGenerator((options, callback) => {
      heard.push(options);
      callback(null, new grpc.Metadata());
    });
    const answer = await see(`a call with credentials, ${name}`, { ...asked, call });
    seen.push({ name: `what credentials hear for ${name}`, value: [heard, 'arrived' in answer] });
  }
}

async function failures(grpc: Grpc, see: See): Promise<void> {
  const of = grpc.credentials.createFromMetadataGenerator;
  const withDetails = true;
  const coded = (code: unknown): CallCredentials =>
    of((_options, callback) => callback(Object.assign(new Error('no token'), { code })));
  await see('credentials that fail', {
    withDetails,
    call: of((_options, callback) => callback(new Error('no token'))),
  });
  await see('credentials that throw', {
    withDetails,
    call: of(() => {
      throw new Error('broken');
    }),
  });
  for (let code = 0; code <= 16; code += 1) {
    await see(`credentials that fail with ${code}`, { withDetails, call: coded(code) });
  }
  await see('credentials that fail with a name', { withDetails, call: coded('ENOENT') });
  await see('credentials that fail with 401', { withDetails, call: coded(401) });
  await see('credentials of the channel that fail', {
    withDetails,
    channel: grpc.credentials.createSsl(CA).compose(coded(7)),
  });
  await see('credentials of the channel that fail, and of the call that do not', {
    withDetails,
    channel: grpc.credentials.createSsl(CA).compose(coded(7)),
    call: generator(grpc, () => {}),
  });
  await see('credentials that never come', { call: of(() => {}), timeoutMs: 200 });
  await see('credentials of a server that is not there', {
    target: 'localhost:1',
    call: generator(grpc, () => {}),
  });
}

async function merging(grpc: Grpc, see: See): Promise<void> {
  const { credentials } = grpc;
  const ssl = credentials.createSsl(CA);
  const one = generator(grpc, (m) => m.add('k', 'one'));
  const two = generator(grpc, (m) => m.add('k', 'two'));
  const bearer = generator(grpc, (m) => m.add('authorization', 'Bearer 1'));
  const metadata = new grpc.Metadata();
  metadata.add('k', 'own');
  const authorized = new grpc.Metadata();
  authorized.add('authorization', 'own');
  await see('metadata of the call and its credentials', { call: one, metadata });
  await see('metadata of the call, of the channel and its credentials', {
    channel: ssl.compose(one),
    call: two,
    metadata,
  });
  await see('composed for the channel', { channel: ssl.compose(one).compose(two) });
  await see('composed for the call', { call: one.compose(two) });
  await see('empty credentials', { call: credentials.createEmpty() });
  await see('a token', { call: bearer });
  await see('two tokens of the call', { call: bearer.compose(bearer), withDetails: true });
  await see('a token of the channel and one of the call', {
    channel: ssl.compose(bearer),
    call: bearer,
    withDetails: true,
  });
  await see('a token beside one in the metadata', {
    call: bearer,
    metadata: authorized,
    withDetails: true,
  });
  await see('bytes', { call: generator(grpc, (m) => m.set('k-bin', Buffer.from([0, 255]))) });
}

/** So many in the metadata of the call and so many of its credentials. */
function tokens(grpc: Grpc, bearer: CallCredentials): [name: string, asked: Partial<Asked>][] {
  const cases: [name: string, asked: Partial<Asked>][] = [];
  for (const own of [0, 1, 2]) {
    const metadata = new grpc.Metadata();
    for (let at = 0; at < own; at += 1) metadata.add('authorization', `own ${at}`);
    const given = { metadata, withDetails: true };
    cases.push(
      [`${own} tokens and no credentials`, given],
      [`${own} tokens and credentials without`, { ...given, call: generator(grpc, () => {}) }],
      [`${own} tokens and one of credentials`, { ...given, call: bearer }],
    );
  }
  return cases;
}

/** What generators should not do. */
function oddities(grpc: Grpc): [name: string, asked: Partial<Asked>][] {
  const of = (
    give: (callback: (...args: unknown[]) => void, metadata: Metadata) => void,
  ): Partial<Asked> => {
    const call = grpc.credentials.createFromMetadataGenerator((_options, callback) =>
      give(callback as (...args: unknown[]) => void, new grpc.Metadata()),
    );
    return { call, withDetails: true, timeoutMs: 500 };
  };
  return [
    ['a generator that gives null', of((callback) => callback(null, null))],
    ['a generator that gives both', of((callback, made) => callback(new Error('x'), made))],
    [
      'a generator that calls back twice',
      of((callback, made) => {
        callback(null, made);
        callback(new Error('x'));
      }),
    ],
    [
      'a generator that throws after calling back',
      of((callback, made) => {
        callback(null, made);
        throw new Error('x');
      }),
    ],
    ['a generator that gives text for an error', of((callback) => callback('no token'))],
    [
      'a generator that gives an object for an error',
      of((callback) => callback({ code: 16, message: 'no token' })),
    ],
  ];
}

async function plain(grpc: Grpc, seen: Observation[]): Promise<void> {
  const { server, port } = await serve(grpc, grpc.ServerCredentials.createInsecure());
  const channel: ChannelCredentials = grpc.credentials.createInsecure();
  const target = `127.0.0.1:${port}`;
  const bearer = generator(grpc, (m) => m.add('authorization', 'Bearer 1'));
  const cases: readonly [name: string, asked: Partial<Asked>][] = [
    ['a plain call', {}],
    ['empty credentials on a plain call', { call: grpc.credentials.createEmpty() }],
    ['a token on a plain call', { call: bearer, withDetails: true }],
    ...tokens(grpc, bearer),
    ...oddities(grpc),
    ['TLS to a plain port', { channel: grpc.credentials.createSsl(CA) }],
  ];
  for (const [name, asked] of cases) {
    seen.push({ name, value: await ask(grpc, { target, channel, ...asked }) });
  }
  server.forceShutdown();
}
