// The page as a browser shows it, while calls are made in this process: its figures against stats(), what
// it says of a stall, keys, themes, and that nothing it does is against its own policy.
// Needs Chromium: `CHROMIUM` names it, else it is looked for; without one the tests are skipped by name.

import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import {
  type Channel,
  connect,
  createServer,
  type RuntimeStats,
  type Server,
} from '#sluice/index.js';
import { PageFeed } from '#sluice/services/page-feed.js';
import { pageHandler } from '#sluice/services/page-handler.js';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const executable = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  ...(process.env.PATH ?? '').split(':').map((folder) => join(folder, 'chromium')),
].find(isExecutable);

const skip = executable === undefined ? 'no Chromium: set CHROMIUM to run these' : false;

function isExecutable(path: string | undefined): path is string {
  if (path === undefined || path === '') return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds between two snapshots here, ten times as often as elsewhere. */
const EVERY_MS = 100;

interface ServedPage {
  readonly url: string;
  close(): Promise<void>;
}

async function servePage(): Promise<ServedPage> {
  const feed = new PageFeed(EVERY_MS);
  const server = createHttpServer(pageHandler(feed, {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      feed.close();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${address.port}/`, close };
}

/** A server whose handlers wait until they are let go, and its channel. */
class Held {
  readonly server: Server;
  readonly channel: Channel;
  private readonly gates: (() => void)[];
  private isOpen: boolean;
  private readonly calls: Promise<unknown>[];

  private constructor(server: Server, channel: Channel, gates: (() => void)[]) {
    this.server = server;
    this.channel = channel;
    this.gates = gates;
    this.isOpen = false;
    this.calls = [];
  }

  static async start(): Promise<Held> {
    const gates: (() => void)[] = [];
    const server = createServer({ limits: { streams: 20 } }).unary('/t/Held', (request) => {
      return new Promise((resolve) => gates.push(() => resolve(request)));
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    return new Held(server, connect(`127.0.0.1:${port}`), gates);
  }

  call(many: number): void {
    for (let index = 0; index < many; index++) {
      this.calls.push(this.channel.unary('/t/Held', Buffer.alloc(100)));
    }
  }

  release(many: number): void {
    for (const open of this.gates.splice(0, many)) open();
  }

  /** Lets all go, and those that come after them. */
  async end(): Promise<void> {
    this.isOpen = true;
    const release = (): void => {
      this.release(this.gates.length);
      if (this.isOpen) setImmediate(release);
    };
    release();
    await Promise.all(this.calls);
    this.isOpen = false;
    await this.channel.close();
    await this.server.close();
  }
}

describe('the page in a browser', { skip }, () => {
  let browser: Browser;
  let page: ServedPage;
  let held: Held;
  let faults: string[] = [];

  before(async () => {
    browser = await chromium.launch({ executablePath: executable ?? '', args: FLAGS });
  });

  after(() => browser.close());

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await held.end();
    await page.close();
    assert.deepEqual(faults, []);
  });

  async function opened(options: BrowserContextOptions = {}): Promise<Page> {
    held = await Held.start();
    page = await servePage();
    faults = [];
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    const tab = await context.newPage();
    tab.on('console', (message) => faults.push(`${message.type()}: ${message.text()}`));
    tab.on('pageerror', (error) => faults.push(error.message));
    tab.on('request', (request) => {
      if (!request.url().startsWith(page.url) && !request.url().startsWith('data:')) {
        faults.push(`asked for ${request.url()}`);
      }
    });
    await tab.goto(page.url);
    return tab;
  }

  /** The text of a figure of the channel, under its label. */
  function fact(tab: Page, label: string): ReturnType<Page['locator']> {
    return tab
      .locator(`.end:has-text("Channel") .facts div:has(dt:text-is("${label}")) dd`)
      .first();
  }

  async function raw(place: ReturnType<Page['locator']>): Promise<number> {
    return Number(await place.getAttribute('data-raw'));
  }

  async function allOf(tab: Page): Promise<Map<string, string>> {
    const cells = tab.locator('.end').first().locator('tbody tr').first().locator('td');
    const pairs = await cells.evaluateAll((found) =>
      found.map((cell): [string, string] => [
        cell.getAttribute('data-field') ?? '',
        cell.getAttribute('data-raw') ?? '',
      ]),
    );
    return new Map(pairs);
  }

  it('says that nothing waits when nothing does', async () => {
    const tab = await opened();
    await tab.locator('#headline .say', { hasText: 'Nothing waits' }).waitFor();
    assert.equal(await tab.locator('#headline').getAttribute('data-level'), 'flowing');
    assert.match((await tab.locator('#headline .where').textContent()) ?? '', /1 server with 0/);
  });

  it('shows the figures that stats() has at the same moment', async () => {
    const tab = await opened();
    held.call(50);
    // All that can start has started, and nothing moves until it is let go.
    await tab.locator('#headline .say', { hasText: '30 calls wait' }).waitFor();
    await tab.locator('.limit[data-limit="peer-streams"] .reading[data-raw="20"]').waitFor();
    await tab.keyboard.press('p');
    const own: RuntimeStats = held.channel.stats();
    const [connection] = own.connections;
    assert.ok(connection !== undefined);
    const shown = await allOf(tab);
    assert.equal(shown.get('peer'), connection.peer);
    assert.equal(shown.get('queueItems'), String(connection.queueItems));
    assert.equal(shown.get('queueBytes'), String(connection.queueBytes));
    assert.equal(shown.get('socketBytes'), String(connection.socketBytes));
    assert.equal(shown.get('sendQuota'), String(connection.sendQuota));
    assert.equal(shown.get('receiveWindow'), String(connection.receiveWindow));
    assert.equal(shown.get('unreadBytes'), String(connection.unreadBytes));
    assert.equal(shown.get('open'), String(connection.streams.open));
    assert.equal(await raw(fact(tab, 'calls waiting')), own.waitingCalls);
    assert.equal(await raw(fact(tab, 'calls begun')), 50);
    const limits = tab.locator('.end').first().locator('.limit');
    assert.equal(await limits.count(), Object.keys(own.limits).length);
    for (const [name, { depth }] of Object.entries(own.limits)) {
      // Memory is that of the whole process, the page's own connections included.
      if (name === 'memory-budget') continue;
      const reading = limits.and(tab.locator(`[data-limit="${name}"]`)).locator('.reading');
      assert.equal(await raw(reading), depth, name);
    }
  });

  it('says what waits, and that it has stalled once it has for a second', async () => {
    const tab = await opened();
    held.call(25);
    await tab.locator('#headline[data-level=stalled]').waitFor();
    const text = await tab.locator('#headline .say').textContent();
    assert.equal(text, '5 calls wait for one of the 20 streams that the server allows');
    assert.match((await tab.locator('#say').textContent()) ?? '', /^stalled: 5 calls wait/);
    const bar = tab.locator('.limit[data-limit="peer-streams"] [role=meter]');
    assert.equal(await bar.getAttribute('aria-valuetext'), '20 of 20 streams');
    await tab.locator('.explains', { hasText: '5 calls have no stream yet' }).waitFor();
  });

  it('moves while calls are made, and stands still while it is paused', async () => {
    const tab = await opened();
    const begun = fact(tab, 'calls begun');
    held.call(20);
    await tab.locator('.facts dd[data-raw="20"]').first().waitFor();
    held.release(20);
    held.call(20);
    await tab.locator('.facts dd[data-raw="40"]').first().waitFor();
    await tab.getByRole('button', { name: 'Pause' }).click();
    assert.equal(await tab.locator('#link').textContent(), 'paused');
    const at = await tab.locator('html').getAttribute('data-at');
    held.release(20);
    held.call(1);
    // Another page has what this one does not show.
    const other = await tab.context().newPage();
    await other.goto(page.url);
    await other.locator('.facts dd[data-raw="41"]').first().waitFor();
    await other.close();
    assert.equal(await tab.locator('html').getAttribute('data-at'), at);
    assert.equal(await raw(begun), 40);
    await tab.keyboard.press('p');
    await tab.locator('.facts dd[data-raw="41"]').first().waitFor();
  });

  it('draws curves of what was, and keeps them over a reload', async () => {
    const tab = await opened();
    held.call(30);
    const line = tab.locator('[data-curve=waiting] path.first');
    const points = async (): Promise<number> =>
      ((await line.getAttribute('d')) ?? '').split(/[ML]/).length - 1;
    await tab.locator('[data-curve=waiting] path.first[d*="L"]').waitFor({ state: 'attached' });
    const before = await points();
    await tab.reload();
    await tab.locator('.end').first().waitFor();
    assert.ok((await points()) >= before);
    assert.match(
      (await tab.locator('[data-curve=waiting] svg').getAttribute('aria-label')) ?? '',
      /^Calls waiting: 10 now, \d+ at most since/,
    );
  });

  it('is used by keys alone: to a table, in it, and through time', async () => {
    const tab = await opened();
    held.call(5);
    await tab.locator('tbody tr').first().waitFor();
    await tab.keyboard.press('Tab');
    assert.equal(await focused(tab), 'To the channels and servers');
    await tab.keyboard.press('Tab');
    assert.equal(await focused(tab), 'Pause');
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('Enter');
    assert.equal(await tab.locator('html').getAttribute('data-theme'), 'light');
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('ArrowLeft');
    await tab.locator('[data-curve=calls] .ends', { hasText: 'ago' }).first().waitFor();
    assert.equal(await tab.locator('[data-curve=calls] .hair').isVisible(), true);
    await tab.keyboard.press('Escape');
    assert.equal(await tab.locator('[data-curve=calls] .hair').isVisible(), false);
    const row = tab.locator('tbody tr').first();
    const focusedRow = tab.locator('tbody tr:focus');
    for (let step = 0; step < 20 && (await focusedRow.count()) === 0; step++) {
      await tab.keyboard.press('Tab');
    }
    await tab.keyboard.press('Enter');
    assert.equal(await row.getAttribute('aria-selected'), 'true');
    const detail = tab.locator('.end .detail:visible');
    await detail.waitFor();
    assert.match((await detail.textContent()) ?? '', /Credit granted, bytes/);
    await tab.keyboard.press('Escape');
    assert.equal(await detail.count(), 0);
  });

  it('sorts a table by the column that is chosen, and says so', async () => {
    const tab = await opened();
    held.call(2);
    const head = tab.locator('.end').first().locator('th', { hasText: 'Streams' });
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'descending');
    await head.getByRole('button').click();
    assert.equal(await head.getAttribute('aria-sort'), 'ascending');
  });

  it('follows the colours of the system, and the choice of its reader after that', async () => {
    const tab = await opened({ colorScheme: 'dark' });
    const colour = (): Promise<string> =>
      tab.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const dark = await colour();
    assert.equal(dark, 'rgb(14, 18, 24)');
    await tab.keyboard.press('t');
    assert.equal(await colour(), 'rgb(244, 246, 249)');
    await tab.reload();
    assert.equal(await colour(), 'rgb(244, 246, 249)');
    await tab.keyboard.press('t');
    assert.equal(await colour(), dark);
  });

  it('says when the process answers no more', async () => {
    const tab = await opened();
    await tab.locator('.end').first().waitFor();
    await page.close();
    await tab.locator('#headline .say', { hasText: 'This process does not answer' }).waitFor();
    assert.equal(await tab.locator('#link').textContent(), 'lost');
    // The browser tells of the lost connection by itself.
    faults = faults.filter((fault) => !fault.includes('net::ERR_'));
  });

  it('fits a narrow window without a scroll bar of its own', async () => {
    const tab = await opened({ viewport: { width: 390, height: 800 } });
    held.call(25);
    await tab.locator('tbody tr').first().waitFor();
    const sizes = '[document.documentElement.scrollWidth, innerWidth]';
    const [width, room] = await tab.evaluate<[number, number]>(sizes);
    assert.equal(width, room);
  });
});

function focused(tab: Page): Promise<string> {
  return tab.evaluate<string>('document.activeElement.textContent');
}
