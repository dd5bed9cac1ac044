// Targets of channels: what they name, what servers are told, how calls end where nobody is or nothing
// can be understood; and HTTP CONNECT proxies of the environment. gRPC naming.md, gRFC A1.
// Not here: targets that nobody calls (client-channel.ts), names of certificates (credentials-calls.ts).

import { mkdtempSync, rmSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { ChannelCredentials, ClientOptions } from '@grpc/grpc-js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../certificates.ts';
import {
  type Answer,
  decode,
  encode,
  framed,
  type Grpc,
  type Order,
  PATHS,
  textOf,
} from './client-peer.ts';
import type { Observation } from './observation.ts';

type See = (name: string, value: unknown) => void;

/** What a server saw of a call. */
interface Arrived {
  readonly authority: unknown;
  readonly scheme: unknown;
  readonly from: unknown;
}

interface Backend {
  readonly port: number;
  readonly arrived: () => Arrived | undefined;
}

async function listen(server: net.Server | http2.Http2Server, at: object): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => resolve());
  });
  const address = server.address();
  return typeof address === 'object' ? (address as AddressInfo).port : 0;
}

/** Answers every call, at an address, a path or a name without one. */
async function backendAt(at: object, isSecure = false): Promise<Backend> {
  let arrived: Arrived | undefined;
  const server = isSecure
    ? http2.createSecureServer({ cert: SERVER_CERTIFICATE, key: SERVER_KEY })
    : http2.createServer();
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    arrived = {
      authority: headers[':authority'],
      scheme: headers[':scheme'],
      from: stream.session?.socket.remoteFamily ?? 'none',
    };
    stream.on('error', () => {});
    stream.resume();
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(framed(encode({ text: 'a' })));
  });
  const port = await listen(server, at);
  return {
    port,
    arrived: () => {
      const seen = arrived;
      arrived = undefined;
      return seen;
    },
  };
}

interface Ended {
  readonly code: number;
  readonly details: string;
  readonly peer: string;
}

async function call(
  grpc: Grpc,
  target: string,
  options: ClientOptions = {},
  credentials: ChannelCredentials = grpc.credentials.createInsecure(),
): Promise<Ended | string> {
  let client: InstanceType<Grpc['Client']>;
  try {
    client = new grpc.Client(target, credentials, {
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
  } catch (error) {
    return `threw: ${error instanceof Error ? error.message : String(error)}`;
  }
  const ended = await new Promise<Ended>((resolve) => {
    const made = client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      encode,
      decode,
      {},
      { deadline: Date.now() + 4_000 },
      (error) => {
        const peer = made.getPeer();
        if (error === null) resolve({ code: 0, details: '', peer });
        else resolve({ code: error.code, details: textOf(error.details), peer });
      },
    );
  });
  client.close();
  return ended;
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const see: See = (name, value) => {
    seen.push({ name, value });
  };
  await seeTargets(grpc, see);
  await seePaths(grpc, see);
  await seeFailures(grpc, see);
  await seeAuthorities(grpc, see);
  await seeProxies(grpc, see);
  return seen;
}

/** Without ports. */
function bare(value: unknown, ...ports: number[]): unknown {
  let text = JSON.stringify(value) ?? 'null';
  for (const port of ports) text = text.replaceAll(String(port), 'PORT');
  return JSON.parse(text);
}

async function seeTargets(grpc: Grpc, see: See): Promise<void> {
  const four = await backendAt({ host: '127.0.0.1', port: 0 });
  const six = await backendAt({ host: '::1', port: 0 }).catch(() => undefined);
  const targets = [
    `127.0.0.1:${four.port}`,
    `localhost:${four.port}`,
    `dns:localhost:${four.port}`,
    `dns:///localhost:${four.port}`,
    `dns:127.0.0.1:${four.port}`,
    `dns:///127.0.0.1:${four.port}`,
    `DNS:localhost:${four.port}`,
    `ipv4:127.0.0.1:${four.port}`,
    `ipv4:///127.0.0.1:${four.port}`,
    `ipv4:127.0.0.1:${four.port},127.0.0.1:${four.port}`,
    `ipv4:127.0.0.1:1,127.0.0.1:${four.port}`,
    `dns://127.0.0.1:9/127.0.0.1:${four.port}`,
  ];
  for (const target of targets) {
    const ended = await call(grpc, target);
    see(`target ${target.replaceAll(String(four.port), 'PORT')}`, [
      bare(ended, four.port),
      bare(four.arrived(), four.port),
    ]);
  }
  if (six === undefined) return;
  for (const target of [
    `[::1]:${six.port}`,
    `ipv6:[::1]:${six.port}`,
    `ipv6:///[::1]:${six.port}`,
    `ipv6:[::1]:1,[::1]:${six.port}`,
    `dns:[::1]:${six.port}`,
    `dns:///[::1]:${six.port}`,
    `localhost:${six.port}`,
  ]) {
    const ended = await call(grpc, target);
    see(`target of IPv6 ${target.replaceAll(String(six.port), 'PORT')}`, [
      bare(ended, six.port),
      bare(six.arrived(), six.port),
    ]);
  }
}

async function seePaths(grpc: Grpc, see: See): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'targets-'));
  const path = join(folder, 'a.sock');
  const backend = await backendAt({ path });
  const name = (text: unknown): unknown =>
    JSON.parse(
      (JSON.stringify(text) ?? 'null')
        .replaceAll(folder, 'FOLDER')
        .replaceAll(folder.slice(1), 'FOLDER'),
    );
  const before = process.cwd();
  process.chdir(folder);
  for (const target of [
    `unix:${path}`,
    `unix://${path}`,
    'unix:a.sock',
    'unix:./a.sock',
    `unix:${join(folder, 'missing.sock')}`,
    'unix:',
    `unix://authority${path}`,
  ]) {
    const ended = await call(grpc, target);
    see(`target ${String(name(target))}`, [name(ended), backend.arrived() ?? null]);
  }
  process.chdir(before);
  const abstract = `sluice-targets-${process.pid}`;
  await backendAt({ path: `\0${abstract}` });
  for (const target of [`unix-abstract:${abstract}`, `unix:\0${abstract}`, `unix:@${abstract}`]) {
    const ended = JSON.stringify(await call(grpc, target)) ?? '';
    see(
      `target ${target.replaceAll(abstract, 'NAME').replaceAll('\0', 'NUL')}`,
      JSON.parse(ended.replaceAll(abstract, 'NAME')),
    );
  }
  rmSync(folder, { recursive: true });
}

async function seeFailures(grpc: Grpc, see: See): Promise<void> {
  for (const target of [
    '127.0.0.1:1',
    'ipv4:127.0.0.1:1',
    'ipv4:127.0.0.1:1,127.0.0.1:2',
    'ipv4:localhost:1',
    'ipv4:[::1]:1',
    'ipv4:',
    'ipv6:127.0.0.1:1',
    'ipv6:::1',
    'no-such-host.invalid:1',
    'no-such-host.invalid',
    'dns:///no-such-host.invalid:1',
    'dns:',
    'dns:///',
    'dns:localhost:99999',
    'localhost:x',
    'localhost:',
    ':1',
    '',
    'foo:bar',
    'foo://bar/baz',
    'http://127.0.0.1:1',
    'a b:1',
    '127.0.0.1:1/path',
  ]) {
    see(`nobody at ${target || 'nothing'}`, await call(grpc, target));
  }
}

async function seeAuthorities(grpc: Grpc, see: See): Promise<void> {
  const plain = await backendAt({ host: '127.0.0.1', port: 0 });
  const secure = await backendAt({ host: '127.0.0.1', port: 0 }, true);
  const tls = grpc.credentials.createSsl(Buffer.from(CA_CERTIFICATE));
  const cases: readonly [name: string, options: ClientOptions][] = [
    ['none', {}],
    ['default_authority', { 'grpc.default_authority': 'one.example' }],
    ['default_authority with a port', { 'grpc.default_authority': 'one.example:9' }],
    ['an empty default_authority', { 'grpc.default_authority': '' }],
    ['ssl_target_name_override', { 'grpc.ssl_target_name_override': 'localhost' }],
    [
      'both',
      { 'grpc.default_authority': 'one.example', 'grpc.ssl_target_name_override': 'localhost' },
    ],
  ];
  for (const [name, options] of cases) {
    for (const host of ['localhost', '127.0.0.1', 'ipv4:127.0.0.1']) {
      await call(grpc, `${host}:${plain.port}`, options);
      see(`authority at ${host}: ${name}`, bare(plain.arrived(), plain.port));
      const ended = await call(grpc, `${host}:${secure.port}`, options, tls);
      see(`authority at ${host}, TLS: ${name}`, [
        typeof ended === 'string' ? ended : [ended.code, ended.details],
        bare(secure.arrived() ?? null, secure.port),
      ]);
    }
  }
}

type ByProxy = (socket: Duplex, tunnel: () => void) => void;

const VARIABLES = [
  'grpc_proxy',
  'GRPC_PROXY',
  'https_proxy',
  'HTTPS_PROXY',
  'http_proxy',
  'HTTP_PROXY',
  'no_grpc_proxy',
  'NO_GRPC_PROXY',
  'no_proxy',
  'NO_PROXY',
];

type Variables = Readonly<Record<string, string>>;

async function seeProxies(grpc: Grpc, see: See): Promise<void> {
  const backend = await backendAt({ host: '127.0.0.1', port: 0 });
  const secure = await backendAt({ host: '127.0.0.1', port: 0 }, true);
  const asked: unknown[] = [];
  let answer: ByProxy = (_socket, tunnel) => tunnel();
  let to = backend.port;
  const proxy = http.createServer();
  proxy.on('connect', (request: IncomingMessage, socket: Duplex) => {
    const { host, 'proxy-authorization': authorization } = request.headers;
    asked.push({ url: request.url, host, authorization: authorization ?? 'none' });
    socket.on('error', () => {});
    answer(socket, () => {
      const onward = net.connect(to, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      onward.on('error', () => socket.destroy());
    });
  });
  const port = await listen(proxy, { host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${port}`;

  const run = async (
    name: string,
    variables: Variables,
    target: string,
    options: ClientOptions = {},
    credentials?: ChannelCredentials,
  ): Promise<void> => {
    for (const variable of VARIABLES) delete process.env[variable];
    Object.assign(process.env, variables);
    asked.length = 0;
    const ended = await call(grpc, target, options, credentials);
    const arrived = backend.arrived() ?? secure.arrived() ?? null;
    const brief = typeof ended === 'string' ? ended : [ended.code, ended.details];
    see(`proxy: ${name}`, bare([brief, asked, arrived], backend.port, secure.port, port));
  };

  const target = 'backend.test:5000';
  await run('grpc_proxy', { grpc_proxy: url }, target);
  await run('https_proxy', { https_proxy: url }, target);
  await run('http_proxy', { http_proxy: url }, target);
  await run('GRPC_PROXY', { GRPC_PROXY: url }, target);
  await run('the first counts', { grpc_proxy: url, https_proxy: 'http://127.0.0.1:1' }, target);
  await run('turned off', { grpc_proxy: url }, target, { 'grpc.enable_http_proxy': 0 });
  await run('empty', { grpc_proxy: '' }, target);
  await run('no port in the target', { grpc_proxy: url }, 'backend.test');
  await run('dns:///', { grpc_proxy: url }, `dns:///${target}`);
  await run('an address', { grpc_proxy: url }, `127.0.0.1:${backend.port}`);
  await run('localhost', { grpc_proxy: url }, `localhost:${backend.port}`);
  await run('ipv4:', { grpc_proxy: url }, `ipv4:127.0.0.1:${backend.port}`);
  await run('an address elsewhere', { grpc_proxy: url }, '192.0.2.1:5000');
  await run('an IPv6 address elsewhere', { grpc_proxy: url }, '[2001:db8::1]:5000');
  await run('user and password', { grpc_proxy: `http://me:secret@127.0.0.1:${port}` }, target);
  await run('escaped', { grpc_proxy: `http://m%40e:s%3Acret@127.0.0.1:${port}` }, target);
  await run('user alone', { grpc_proxy: `http://me@127.0.0.1:${port}` }, target);
  await run('a path', { grpc_proxy: `${url}/path` }, target);
  const tls = grpc.credentials.createSsl(Buffer.from(CA_CERTIFICATE));
  to = secure.port;
  await run(
    'TLS',
    { grpc_proxy: url },
    target,
    { 'grpc.ssl_target_name_override': 'localhost' },
    tls,
  );
  await run('TLS, another name', { grpc_proxy: url }, target, {}, tls);
  to = backend.port;
  await run('default_authority', { grpc_proxy: url }, target, {
    'grpc.default_authority': 'one.example',
  });

  for (const list of [
    'backend.test',
    'test',
    '.test',
    '*.test',
    '*',
    'other.test',
    'end.test',
    'backend.test:5000',
    'BACKEND.TEST',
    'other, backend.test',
    '',
  ]) {
    await run(`no_grpc_proxy "${list}"`, { grpc_proxy: url, no_grpc_proxy: list }, target);
  }
  await run('no_proxy', { grpc_proxy: url, no_proxy: 'backend.test' }, target);
  await run(
    'no_grpc_proxy counts before no_proxy',
    { grpc_proxy: url, no_grpc_proxy: 'x', no_proxy: 'backend.test' },
    target,
  );
  for (const list of ['127.0.0.1', '127.0.0.0/8', '10.0.0.0/8', '127.']) {
    await run(
      `no_grpc_proxy "${list}" for an address`,
      { grpc_proxy: url, no_grpc_proxy: list },
      `127.0.0.1:${backend.port}`,
    );
  }

  const answers: Record<string, string> = {
    '407': 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n',
    '403': 'HTTP/1.1 403 Forbidden\r\n\r\n',
    '502': 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n',
    'no HTTP': 'hello\r\n\r\n',
    nothing: '',
  };
  for (const [name, text] of Object.entries(answers)) {
    answer = (socket) => socket.end(text);
    await run(`answers ${name}`, { grpc_proxy: url }, target);
  }
  await run('nobody there', { grpc_proxy: 'http://127.0.0.1:1' }, target);
  await run('https', { grpc_proxy: `https://127.0.0.1:${port}` }, target);
  await run('no URL', { grpc_proxy: '::' }, target);
  await run('without a scheme', { grpc_proxy: `127.0.0.1:${port}` }, target);
  for (const variable of VARIABLES) delete process.env[variable];
}
