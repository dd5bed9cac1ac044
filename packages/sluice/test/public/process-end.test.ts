// What keeps a client's process running, and what does not: a call, whoever waits, and a connection
// that closes do; a channel that nobody uses does not. Each program ends by itself, not before it has
// printed, and with no promise left awaited, which Node would say with exit code 13.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { run } from '../support/program.js';
import { Running } from '../support/running.js';

const running = new Running();

afterEach(() => running.end());

/** Where an echo server of this process listens. */
async function backend(isSecure = false): Promise<string> {
  const tls = isSecure ? { cert: SERVER_CERTIFICATE, key: SERVER_KEY } : undefined;
  const server = running.server(tls === undefined ? {} : { tls });
  server.unary('/a.B/C', (request) => request);
  server.bidiStreaming('/a.B/D', (requests) => requests);
  const { port } = await server.listen({ host: '127.0.0.1' });
  return `127.0.0.1:${port}`;
}

/** Runs `use` beside a TCP server that accepts connections and says nothing. */
async function besideSilence(use: (target: string) => Promise<void>): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Of a server on TCP it is never a path.
  const { port } = server.address() as AddressInfo;
  try {
    await use(`127.0.0.1:${port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

/** Begins a program: a channel to `target`. */
function to(target: string, options = '{}'): string {
  return `
    import { connect, createServer } from 'sluice';
    const x = Buffer.from('x');
    const channel = connect(${JSON.stringify(target)}, ${options});
    const codeOf = (promise) => promise.then(() => 'OK', (error) => error.code);
  `;
}

const TLS = `{ tls: { ca: ${JSON.stringify(CA_CERTIFICATE)} } }`;

describe('a channel that nobody uses and nobody closed does not keep the process', () => {
  it('after a call', async () => {
    const program = `${to(await backend())}
      console.log(String(await channel.unary('/a.B/C', x)));
      console.log(channel.state);`;
    assert.equal(await run(program), 'x\nREADY');
  });

  it('after a call over TLS', async () => {
    const program = `${to(await backend(true), TLS)}
      console.log(String(await channel.unary('/a.B/C', x)));`;
    assert.equal(await run(program), 'x');
  });

  it('after a call that was cancelled, and one past its deadline', async () => {
    await besideSilence(async (target) => {
      const program = `${to(target)}
        console.log(await codeOf(channel.unary('/a.B/C', x, { signal: AbortSignal.timeout(10) })));
        console.log(await codeOf(channel.unary('/a.B/C', x, { timeoutMs: 10 })));`;
      assert.equal(await run(program), '1\n4');
    });
  });

  it('in a gateway that was told to end', async () => {
    const program = `${to(await backend())}
      const server = createServer().unary('/a.B/C', (request) => channel.unary('/a.B/C', request));
      server.drainOn(['SIGTERM']);
      const { port } = await server.listen({ host: '127.0.0.1' });
      const client = connect('127.0.0.1:' + port);
      console.log(String(await client.unary('/a.B/C', x)));
      process.kill(process.pid, 'SIGTERM');`;
    assert.equal(await run(program), 'x');
  });

  it('while it connects and nobody waits for that', async () => {
    await besideSilence(async (target) => {
      for (const options of ['{}', '{ tls: true }', `{ proxy: 'http://${target}' }`]) {
        assert.equal(await run(`${to(target, options)} channel.connect();`), '');
      }
    });
  });

  it('while its state is watched for as long as it takes', async () => {
    const program = `${to(await backend())}
      await channel.ready();
      channel.watchState('READY').then(console.log);`;
    assert.equal(await run(program), '');
  });
});

describe('the process does not end', () => {
  it('while a stream is open on which nothing happens', async () => {
    const program = `${to(await backend())}
      async function* requests() { yield x; await new Promise(() => {}); }
      const stream = channel.bidiStreaming('/a.B/D', requests(), { timeoutMs: 300 });
      console.log(String((await stream.next()).value));
      console.log(await codeOf(stream.next()));`;
    assert.equal(await run(program), 'x\n4');
  });

  it('while a call waits for its connection', async () => {
    await besideSilence(async (target) => {
      for (const options of ['{}', '{ tls: true }', `{ proxy: 'http://${target}' }`]) {
        const program = `${to(target, options)}
          console.log(await codeOf(channel.unary('/a.B/C', x, { timeoutMs: 300 })));`;
        assert.equal(await run(program), '4');
      }
    });
  });

  it('while a call waits for its credentials', async () => {
    await besideSilence(async (target) => {
      const options = '{ tls: true, credentials: () => new Promise(() => {}) }';
      const program = `${to(target, options)}
        console.log(await codeOf(channel.unary('/a.B/C', x, { timeoutMs: 300 })));`;
      assert.equal(await run(program), '4');
    });
  });

  it('while somebody waits for ready()', async () => {
    const backends = [to(await backend()), to(await backend(true), TLS)];
    for (const begin of backends) {
      assert.equal(
        await run(`${begin} await channel.ready(); console.log(channel.state);`),
        'READY',
      );
    }
    const nobody = to('unix:/nowhere/at/all');
    assert.equal(
      await run(`${nobody} console.log(await codeOf(channel.ready({ timeoutMs: 300 })));`),
      '4',
    );
  });

  it('while somebody watches for some time a channel that is idle, or closed', async () => {
    const program = `${to('unix:/nowhere/at/all')}
      console.log(await codeOf(channel.watchState('IDLE', { timeoutMs: 50 })));
      await channel.close();
      console.log(await codeOf(channel.watchState('SHUTDOWN', { timeoutMs: 50 })));`;
    assert.equal(await run(program), '4\n4');
  });

  it('while somebody watches it connect', async () => {
    await besideSilence(async (target) => {
      const program = `${to(target, '{ tls: true, connectTimeoutMs: 300 }')}
        channel.connect();
        console.log(await channel.watchState('CONNECTING'));`;
      assert.equal(await run(program), 'TRANSIENT_FAILURE');
    });
  });

  it('before a channel that is closed is closed to its end', async () => {
    for (const begin of [to(await backend()), to(await backend(true), TLS)]) {
      const program = `${begin}
        await channel.unary('/a.B/C', x);
        await new Promise(setImmediate);
        const stats = channel.stats();
        await channel.close();
        console.log(stats.connections.length, channel.stats().connections.length);`;
      assert.equal(await run(program), '1 0');
    }
  });
});
