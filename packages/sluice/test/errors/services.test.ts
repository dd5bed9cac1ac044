// Texts of docs/errors.md that the stats service and the page answer with.

import assert from 'node:assert/strict';
import { IncomingMessage, request } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { createClient } from '#sluice/api/client.js';
import { Status } from '#sluice/index.js';
import { type ServedPage, servePage } from '#sluice/services/page.js';
import { pageRefusal } from '#sluice/services/page-guard.js';
import { addStats, Stats } from '#sluice/services/stats.js';
import { failureOf, messagesOf, Running } from '../support/running.js';
import { assertListed } from './listed.js';

const running = new Running();
const pages: ServedPage[] = [];

afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.close()));
  await running.end();
});

async function opened(): Promise<string> {
  const page = await servePage();
  pages.push(page);
  return page.url;
}

/** How the page answers: its status, and its text without the line break at the end. */
function ask(
  url: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<[status: number | undefined, text: string]> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve([response.statusCode, body.trimEnd()]));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('the stats service', () => {
  it('refuses what it cannot do with INVALID_ARGUMENT', async () => {
    const server = running.server();
    addStats(server);
    const client = createClient(Stats, await running.channelTo(server));
    const many = await failureOf(client.get({ maxConnections: 1_001 }));
    assert.equal(many.code, Status.INVALID_ARGUMENT);
    assertListed(many.details, 'max_connections is <n>; it must be at most <n>, or 0 for <n>');
    const often = await failureOf(messagesOf(client.watch({ intervalMs: 1 })));
    assert.equal(often.code, Status.INVALID_ARGUMENT);
    assertListed(often.details, 'interval_ms is <n>; it must be from <n> to <n>, or 0 for <n>');
  });
});

describe('the page', () => {
  it('refuses to be written to', async () => {
    const [status, text] = await ask(await opened(), {}, 'POST');
    assert.equal(status, 405);
    assertListed(text, '<method> is not answered here; the page is read with GET', {
      method: 'POST',
    });
  });

  it('refuses another machine', () => {
    const socket = new Socket();
    Object.defineProperty(socket, 'remoteAddress', { value: '10.0.0.9' });
    const incoming = Object.assign(new IncomingMessage(socket), { method: 'GET' });
    const refusal = pageRefusal(incoming, false, []);
    assert.equal(refusal?.status, 403);
    assertListed(
      refusal.text,
      'this page is for the machine it runs on, and the request came from <address>; tunnel to it, as with ssh -L, or set allowRemote',
      { address: '10.0.0.9' },
    );
  });

  it('refuses names and requests of foreign sites', async () => {
    const url = await opened();
    const [named, name] = await ask(url, { host: 'rebind.example:80' });
    assert.equal(named, 403);
    assertListed(
      name,
      'the request names the host "<name>", which may be a foreign site\'s; open the page by its address or localhost, or add the name to allowedHosts',
      { name: 'rebind.example' },
    );
    const [asked, text] = await ask(url, { 'sec-fetch-site': 'cross-site' });
    assert.equal(asked, 403);
    assertListed(text, 'another site asked for this page; open it by itself');
  });

  it('refuses to be open too often', async () => {
    const url = await opened();
    const headers = { accept: 'text/event-stream' };
    const open: IncomingMessage[] = [];
    for (let i = 0; i < 16; i += 1) {
      open.push(
        await new Promise((resolve, reject) => {
          request(url, { headers, agent: false }, resolve).on('error', reject).end();
        }),
      );
    }
    const [status, text] = await ask(url, headers);
    assert.equal(status, 503);
    assertListed(text, 'the page is open <n> times, which is as often as it may be; close one');
    for (const response of open) response.destroy();
  });
});
