// The package as its users meet it: what it exports, that a first program works as written, and
// that a process which is done ends by itself.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { packageFolder, run } from '../support/program.js';

describe('the package', () => {
  it('exports these names and no others', async () => {
    const names = JSON.parse(
      await run(`console.log(JSON.stringify(Object.keys(await import('sluice')).sort()))`),
    );
    assert.deepEqual(names, [
      'Channel',
      'Metadata',
      'Outbox',
      'Server',
      'Status',
      'StatusError',
      'balancerFactory',
      'brotliEncoding',
      'certificateFiles',
      'combineCredentials',
      'connect',
      'createClient',
      'createServer',
      'defaultClientLimits',
      'defaultServerLimits',
      'deflateEncoding',
      'findDetails',
      'gzipEncoding',
      'limits',
      'memoryBudget',
      'methodOf',
      'registerBalancer',
      'registerMessageEncoding',
      'registerResolver',
      'serviceMethods',
      'statusDetails',
      'statusErrorWithDetails',
      'subscribe',
      'uncompressed',
      'withMethodsOf',
      'zstdEncoding',
    ]);
  });

  it('can be required by a CommonJS program', async () => {
    const program = `
      const { connect, createServer } = require('sluice');
      const server = createServer().unary('/test.Cjs/Echo', (request) => request);
      server.listen({ host: '127.0.0.1' }).then(async ({ port }) => {
        const channel = connect('127.0.0.1:' + port);
        console.log(String(await channel.unary('/test.Cjs/Echo', Buffer.from('required'))));
        await Promise.all([channel.close(), server.close()]);
      });`;
    const folder = await mkdtemp(join(packageFolder, 'dist-test', 'cjs-'));
    try {
      const path = join(folder, 'program.cjs');
      await writeFile(path, program);
      const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 });
      assert.equal(stdout.trim(), 'required');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('hides its inner files', async () => {
    const code = await run(
      `console.log(await import('sluice/dist/transport/connection.js').catch((error) => error.code))`,
    );
    assert.equal(code, 'ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('has the status codes of gRPC', async () => {
    const codes = JSON.parse(
      await run(`console.log(JSON.stringify((await import('sluice')).Status))`),
    );
    assert.equal(Object.keys(codes).length, 17);
    assert.equal(codes.OK, 0);
    assert.equal(codes.UNAUTHENTICATED, 16);
  });

  it('cannot have its default limits changed', async () => {
    const { defaultClientLimits, defaultServerLimits } = await import('#sluice/index.js');
    assert.ok(Object.isFrozen(defaultClientLimits));
    assert.ok(Object.isFrozen(defaultServerLimits));
  });
});

describe('a process', () => {
  it('that imports the package and does nothing else ends', async () => {
    assert.equal(await run(`await import('sluice'); console.log('done')`), 'done');
  });

  it('with a server and calls of all kinds ends by itself once both are closed', async () => {
    const printed = await run(`
      import { connect, createServer } from 'sluice';

      const server = createServer()
        .unary('/greet.Greeter/Hello', (name) => Buffer.from('Hello, ' + name))
        .serverStreaming('/greet.Greeter/Spell', async function* (name) {
          for (const letter of String(name)) yield Buffer.from(letter);
        })
        .clientStreaming('/greet.Greeter/Join', async (names) => {
          const all = [];
          for await (const name of names) all.push(name);
          return Buffer.concat(all);
        })
        .bidiStreaming('/greet.Greeter/Chat', (names) => names);
      const { port } = await server.listen({ host: '127.0.0.1' });
      const channel = connect('127.0.0.1:' + port);
      const names = [Buffer.from('A'), Buffer.from('da')];

      console.log(String(await channel.unary('/greet.Greeter/Hello', names[1], { timeoutMs: 60_000 })));
      for await (const letter of channel.serverStreaming('/greet.Greeter/Spell', names[1])) {
        console.log(String(letter));
      }
      console.log(String(await channel.clientStreaming('/greet.Greeter/Join', names)));
      for await (const name of channel.bidiStreaming('/greet.Greeter/Chat', names)) {
        console.log(String(name));
      }
      await channel.close();
      await server.close();
    `);
    assert.deepEqual(printed.split('\n'), ['Hello, da', 'd', 'a', 'Ada', 'A', 'da']);
  });

  it('ends after a drain, too', async () => {
    const printed = await run(`
      import { connect, createServer } from 'sluice';
      const server = createServer().unary('/a.B/C', (request) => request);
      const { port } = await server.listen({ host: '127.0.0.1' });
      const channel = connect('127.0.0.1:' + port);
      await channel.unary('/a.B/C', Buffer.from('x'));
      await server.drain();
      console.log(channel.state);
    `);
    assert.equal(printed, 'IDLE');
  });

  it('ends with calls that failed for want of a server, their channel not closed', async () => {
    const printed = await run(`
      import { connect } from 'sluice';
      const channel = connect('unix:/nowhere/at/all');
      await channel.unary('/a.B/C', Buffer.from('x')).catch((error) => console.log(error.code));
    `);
    assert.equal(printed, '14');
  });

  it('does not end while a call waits for its server', async () => {
    const printed = await run(`
      import { connect } from 'sluice';
      const channel = connect('unix:/nowhere/at/all');
      const options = { waitForReady: true, timeoutMs: 300 };
      await channel.unary('/a.B/C', Buffer.from('x'), options).catch((error) => console.log(error.code));
    `);
    assert.equal(printed, '4');
  });
});
