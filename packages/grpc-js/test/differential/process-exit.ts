// When a process ends by itself, and how: small scripts in processes of their own that leave something
// open, with a server of the original in this one. What would be running after a while says so.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Grpc, startServer } from './client-peer.ts';
import type { Observation } from './observation.ts';

/** After it, ms, a script is taken for one that does not end. Everything else is faster by far. */
const HELD_MS = 2_500;

/** Of the module under test, which the runner names to this process. */
const MODULE = process.argv[3] ?? '@grpc/grpc-js';

// Scripts run behind this. `said` is what they print.
const PRELUDE = `
const grpc = require(${JSON.stringify(MODULE)});
const port = process.env.PORT;
const say = (...words) => console.log(words.join(' '));
const toBytes = (text) => Buffer.from(JSON.stringify(text));
const fromBytes = (bytes) => JSON.parse(bytes.toString());
const insecure = grpc.credentials.createInsecure();
const clientOf = (options) => new grpc.Client('127.0.0.1:' + port, insecure, options);
const unary = (client, order, ...rest) =>
  client.makeUnaryRequest('/test.Orders/Unary', toBytes, fromBytes, order, ...rest);
const down = (client, order) =>
  client.makeServerStreamRequest('/test.Orders/Server', toBytes, fromBytes, order);
const both = (client) => client.makeBidiStreamRequest('/test.Orders/Bidi', toBytes, fromBytes);
const listen = (server, then) =>
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), then);
setTimeout(() => { say('held'); process.exit(0); }, ${HELD_MS}).unref();
`;

const SCRIPTS: Record<string, string> = {
  'nothing but loading': `say(typeof grpc.Client);`,
  'a client that nobody uses': `clientOf(); say('made');`,
  'a client that is connected, and idle': `
    const client = clientOf();
    client.waitForReady(Date.now() + 10000, (error) => say('ready', !error));`,
  'a client behind its call': `
    unary(clientOf(), { text: 'a' }, (error, answer) => say('answer', error?.code ?? answer.text));`,
  'a client that pings': `
    const client = clientOf({ 'grpc.keepalive_time_ms': 300, 'grpc.keepalive_permit_without_calls': 1 });
    unary(client, { text: 'a' }, () => say('answer'));`,
  'a call under way': `
    unary(clientOf(), { text: 'a', wait: 500 }, (error, answer) => say('answer', answer.text));`,
  'a stream that is open': `
    down(clientOf(), { count: 1, wait: -1 }).on('data', (answer) => say(answer.text)).on('error', () => {});`,
  'a stream of both kinds that is open': `
    const call = both(clientOf());
    call.on('data', (answer) => say(answer.text)).on('error', () => {});
    call.write({ text: 'a' });`,
  'a stream that is cancelled': `
    const call = down(clientOf(), { count: 1, wait: -1 });
    call.on('data', () => call.cancel()).on('error', (error) => say('error', error.code));`,
  'a closed client with a stream': `
    const client = clientOf();
    client.waitForReady(Date.now() + 10000, () => {
      const call = down(client, { count: 1, wait: 400 });
      call.on('data', (answer) => say(answer.text)).on('end', () => say('end')).on('error', () => {});
      setTimeout(() => client.close(), 100);
    });`,
  'a call to nobody': `
    const client = new grpc.Client('127.0.0.1:1', insecure);
    unary(client, {}, (error) => say('error', error.code));`,
  'a call to nobody that waits': `
    const client = new grpc.Client('127.0.0.1:1', insecure);
    const metadata = new grpc.Metadata();
    metadata.setOptions({ waitForReady: true });
    unary(client, {}, metadata, { deadline: Date.now() + 500 }, (error) => say('error', error.code));`,
  'a call to nobody that waits without end': `
    const client = new grpc.Client('127.0.0.1:1', insecure);
    const metadata = new grpc.Metadata();
    metadata.setOptions({ waitForReady: true });
    unary(client, {}, metadata, () => {});`,
  'a channel that is asked to connect': `clientOf().getChannel().getConnectivityState(true);`,
  'a channel to nobody that is asked to connect': `
    new grpc.Client('127.0.0.1:1', insecure).getChannel().getConnectivityState(true);`,
  'a channel that is watched': `
    clientOf().getChannel().watchConnectivityState(0, Date.now() + 600, (error) => say('watched', !error));`,
  'waitForReady without end': `
    new grpc.Client('127.0.0.1:1', insecure).waitForReady(Infinity, () => say('ready'));`,
  'waitForReady with a deadline': `
    new grpc.Client('127.0.0.1:1', insecure).waitForReady(Date.now() + 500, (error) => say('ready', !error));`,
  'a server that listens': `listen(new grpc.Server(), () => say('bound'));`,
  'a server that was shut down': `
    const server = new grpc.Server();
    listen(server, () => server.tryShutdown(() => say('down')));`,
  'a server that was shut down by force': `
    const server = new grpc.Server();
    listen(server, () => { server.forceShutdown(); say('down'); });`,
  'a server that was unbound': `
    const server = new grpc.Server();
    listen(server, (error, bound) => { server.unbind('127.0.0.1:' + bound); say('unbound'); });`,
  'a server that was drained': `
    const server = new grpc.Server();
    listen(server, (error, bound) => { server.drain('127.0.0.1:' + bound, 10); say('drained'); });`,
  'a port that is taken': `
    const server = new grpc.Server();
    server.bindAsync('127.0.0.1:' + port, grpc.ServerCredentials.createInsecure(), (error) =>
      say('bound', !error));`,
  'a client and a server of one process': `
    const server = new grpc.Server();
    server.register('/test.Orders/Unary', (call, callback) => callback(null, call.request),
      toBytes, fromBytes, 'unary');
    listen(server, (error, bound) => {
      const client = new grpc.Client('127.0.0.1:' + bound, insecure);
      unary(client, 'a', (_error, answer) => { say(answer); client.close(); server.tryShutdown(() => say('down')); });
    });`,
  'a stream whose error nobody hears': `down(clientOf(), { count: 0, code: 5, details: 'gone' });`,
  'a stream to nobody whose error nobody hears': `
    down(new grpc.Client('127.0.0.1:1', insecure), {}).on('data', () => {});`,
  'a client stream whose callback hears of its error': `
    const call = clientOf().makeClientStreamRequest('/test.Orders/Client', toBytes, fromBytes,
      (error) => say('error', error.code));
    call.write({ text: 'a', code: 5 });`,
  'a status that is heard, and no error': `
    down(clientOf(), { count: 0, code: 5, details: 'gone' }).on('status', (status) => say(status.code));`,
  'a callback that throws': `unary(clientOf(), { text: 'a' }, () => { throw new TypeError('mine'); });`,
  'a callback that throws, heard by the process': `
    process.on('uncaughtException', (error) => say('uncaught', error.message));
    const client = clientOf();
    unary(client, { text: 'a' }, () => {
      unary(client, { text: 'b' }, (error, answer) => say('next', answer.text));
      throw new TypeError('mine');
    });`,
  'a listener that throws': `
    down(clientOf(), { count: 2 }).on('data', () => { throw new TypeError('mine'); }).on('error', () => {});`,
  'a handler that throws': `
    const server = new grpc.Server();
    server.register('/test.Orders/Unary', () => { throw new TypeError('mine'); }, toBytes, fromBytes, 'unary');
    listen(server, (error, bound) => {
      const client = new grpc.Client('127.0.0.1:' + bound, insecure);
      unary(client, 'a', (failure) => { say(failure.code); server.forceShutdown(); });
    });`,
  'a handler that rejects': `
    const server = new grpc.Server();
    server.register('/test.Orders/Unary', async () => { throw new TypeError('mine'); },
      toBytes, fromBytes, 'unary');
    listen(server, (error, bound) => {
      const client = new grpc.Client('127.0.0.1:' + bound, insecure);
      unary(client, 'a', (failure) => { say(failure.code); });
    });`,
  'a callback of bindAsync that throws': `
    listen(new grpc.Server(), () => { throw new TypeError('mine'); });`,
};

/** How many processes run beside each other. */
const BESIDE = 6;

interface Ended {
  readonly said: readonly string[];
  readonly code: number | null;
  /** The name and message of the error that nobody caught. */
  readonly uncaught: string | null;
}

function run(script: string, port: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['-e', PRELUDE + script], {
      cwd: join(__dirname),
      env: { ...process.env, PORT: `${port}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      const uncaught = /^(?:Uncaught )?([A-Z]\w*Error|Error): (.*)$/m.exec(errors);
      resolve({
        said: said.split('\n').filter((line) => line !== ''),
        code,
        uncaught:
          uncaught === null
            ? null
            : `${uncaught[1]}: ${uncaught[2]?.replace(/(No connection established).*/, '$1')}`,
      });
    });
  });
}

export async function observe(_grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const seen: Observation[] = [];
  const waiting = Object.entries(SCRIPTS);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, script] = next;
      seen.push({ name, value: await run(script, port) });
    }
  };
  await Promise.all(Array.from({ length: BESIDE }, work));
  return seen;
}
