// The page as HTTP answers it: who is answered, with what, and what it costs while nobody looks.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type PageOptions, type ServedPage, servePage, statsPage } from '#sluice/services/page.js';
import { PAGE_CURVES_SCRIPT } from '#sluice/services/page-curves-script.js';
import { pageRefusal } from '#sluice/services/page-guard.js';
import { PAGE_SCRIPT } from '#sluice/services/page-script.js';
import { PAGE_TABLE_SCRIPT } from '#sluice/services/page-table-script.js';
import { Running } from '../support/running.js';

const running = new Running();
const pages: ServedPage[] = [];

afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.close()));
  await running.end();
});

async function served(options: PageOptions = {}): Promise<ServedPage> {
  const page = await servePage(options);
  pages.push(page);
  return page;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The first so many events of the page's feed, by name. */
function eventsOf(url: string, many: number): Promise<[name: string, data: unknown][]> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'text/event-stream' };
    const asked = request(url, { headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        const events = text.split('\n\n').slice(0, -1);
        if (events.length < many) return;
        response.destroy();
        resolve(events.map(parsed));
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

function parsed(event: string): [string, unknown] {
  const match = /^event: (\w+)\ndata: (.*)$/.exec(event);
  return [match?.[1] ?? '', JSON.parse(match?.[2] ?? 'null')];
}

/** A request as the guard sees it. */
function from(address: string | undefined, host: string, more: object = {}): IncomingMessage {
  const asked = { method: 'GET', headers: { host, ...more }, socket: { remoteAddress: address } };
  // Of a request the guard reads these fields alone.
  return asked as unknown as IncomingMessage;
}

describe('the page', () => {
  it('is a document that refers to nothing outside itself', async () => {
    const { status, headers, body } = await ask((await served()).url, { accept: 'text/html' });
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.doesNotMatch(body, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
    assert.doesNotMatch(body, /<script[^>]+src=|@import|url\(/);
  });

  it('lets run its own script and style by their hashes and nothing else', async () => {
    const { headers } = await ask((await served()).url, { accept: 'text/html' });
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+';/);
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal(headers['cache-control'], 'no-store');
  });

  it('has a script that a type checker finds no fault in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-page-'));
    try {
      const file = join(folder, 'page.js');
      await writeFile(file, `${PAGE_CURVES_SCRIPT}${PAGE_TABLE_SCRIPT}${PAGE_SCRIPT}`);
      const root = fileURLToPath(new URL('../../../..', import.meta.url));
      const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const options = ['--ignoreConfig', '--noEmit', '--allowJs', '--checkJs', '--strict', 'false'];
      const target = ['--target', 'es2023', '--lib', 'dom,dom.iterable,es2023', '--types', ''];
      const run = promisify(execFile)(process.execPath, [compiler, ...options, ...target, file]);
      const found = await run.then(
        ({ stdout }) => stdout,
        (error: { stdout: string }) => error.stdout,
      );
      assert.equal(found.trim(), '');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('answers JSON with the figures of stats()', async () => {
    const server = running.server().unary('/t/Ok', (message) => message);
    const channel = await running.channelTo(server);
    await channel.unary('/t/Ok', Buffer.from('x'));
    const { body } = await ask((await served()).url, { accept: 'application/json' });
    const { ends } = JSON.parse(body);
    const shown = ends.find(
      (end: { name: string; kind: string }) =>
        end.name === channel.target && end.kind === 'channel',
    );
    const own = channel.stats();
    assert.equal(shown.callsStarted, 1);
    assert.equal(shown.stats.connections[0].sendQuota, own.connections[0]?.sendQuota);
    assert.equal(shown.stats.connections[0].peer, own.connections[0]?.peer);
    assert.deepEqual(Object.keys(shown.stats.limits), Object.keys(own.limits));
  });

  it('sends what was, then a snapshot each second', async () => {
    const { url } = await served();
    const events = await eventsOf(url, 3);
    assert.deepEqual(
      events.map(([name]) => name),
      ['history', 'snapshot', 'snapshot'],
    );
    const again = await eventsOf(url, 2);
    const [, history] = again[0] ?? [];
    assert.ok(
      Array.isArray(history) && history.length >= 2,
      'the curves begin anew for each viewer',
    );
  });

  it('works as a handler of a server that is there already, under any path', async () => {
    const handler = statsPage();
    const own = createServer((incoming, outgoing) => {
      if (incoming.url === '/operators/sluice') handler(incoming, outgoing);
      else outgoing.writeHead(404).end();
    });
    await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
    const address = own.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { status, body } = await ask(`http://127.0.0.1:${address.port}/operators/sluice`);
    assert.equal(status, 200);
    assert.match(body, /^<!doctype html>/);
    own.closeAllConnections();
    await new Promise((resolve) => own.close(resolve));
  });

  it('may be open sixteen times, and says so to the next', async () => {
    const { url } = await served();
    const headers = { accept: 'text/event-stream' };
    const open = await Promise.all(
      Array.from(
        { length: 16 },
        () =>
          new Promise<IncomingMessage>((resolve, reject) => {
            request(url, { headers, agent: false }, resolve).on('error', reject).end();
          }),
      ),
    );
    const { status, body } = await ask(url, headers);
    assert.equal(status, 503);
    assert.equal(body, 'the page is open 16 times, which is as often as it may be; close one\n');
    for (const response of open) response.destroy();
  });

  it('answers HEAD without a body, and nothing but GET and HEAD', async () => {
    const { url } = await served();
    const head = await ask(url, {}, 'HEAD');
    assert.deepEqual([head.status, head.body], [200, '']);
    const post = await ask(url, {}, 'POST');
    assert.equal(post.status, 405);
    assert.equal(post.body, 'POST is not answered here; the page is read with GET\n');
  });
});

describe('who may look', () => {
  it('refuses a host name that a foreign site may have', async () => {
    const { status, body } = await ask((await served()).url, { host: 'rebind.example:80' });
    assert.equal(status, 403);
    assert.match(body, /names the host "rebind\.example", which may be a foreign site's/);
  });

  it('answers localhost, addresses and the names it is told', async () => {
    const { url } = await served({ allowedHosts: ['Ops.internal'] });
    for (const host of ['localhost:1', 'a.localhost', '127.0.0.1', '[::1]:80', 'ops.internal']) {
      assert.equal((await ask(url, { host })).status, 200, host);
    }
    assert.equal((await ask(url, { host: 'localhost.example' })).status, 403);
    assert.equal(pageRefusal(from('127.0.0.1', ''), false, [])?.status, 403);
  });

  it('refuses another machine, unless told otherwise', () => {
    const refusal = pageRefusal(from('10.0.0.9', '10.0.0.7'), false, []);
    assert.equal(refusal?.status, 403);
    assert.match(refusal.text, /for the machine it runs on, and the request came from 10\.0\.0\.9/);
    assert.equal(pageRefusal(from('10.0.0.9', '10.0.0.7'), true, []), undefined);
    assert.equal(pageRefusal(from('::ffff:127.0.0.1', 'localhost'), false, []), undefined);
  });

  it('refuses what another site asks for, but not a link to it', () => {
    const cross = { 'sec-fetch-site': 'cross-site' };
    assert.equal(pageRefusal(from('127.0.0.1', 'localhost', cross), false, [])?.status, 403);
    const link = { ...cross, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    assert.equal(pageRefusal(from('127.0.0.1', 'localhost', link), false, []), undefined);
  });
});

describe('servePage', () => {
  it('refuses to listen where other machines reach it, unless told to', async () => {
    await assert.rejects(servePage({ host: '0.0.0.0' }), {
      name: 'TypeError',
      message:
        'host is "0.0.0.0", which other machines may reach; the page asks for no password, so use 127.0.0.1, or set allowRemote if who reaches it may read it',
    });
    const page = await servePage({ host: '0.0.0.0', allowRemote: true });
    await page.close();
  });

  it('names an option that it does not have', async () => {
    const options: object = { hostname: 'localhost' };
    await assert.rejects(servePage(options), { name: 'TypeError', message: /did you mean host\?/ });
    assert.throws(() => statsPage(options), { message: /statsPage has no option "hostname"/ });
  });

  it('rejects with the error of the system where the port is taken', async () => {
    const { port } = await served();
    await assert.rejects(servePage({ port }), { code: 'EADDRINUSE' });
  });
});
