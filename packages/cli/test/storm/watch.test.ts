// `sluice storm --watch`: a page of each process while it runs, and nothing left when it ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseStormOptions } from '../../dist/storm/options.js';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

test('--watch takes a rate and a time, and nothing of what is measured and reported', () => {
  assert.deepEqual(parseStormOptions(['--watch']), {
    kind: 'watch',
    options: { rate: 100_000, seconds: null },
  });
  assert.deepEqual(parseStormOptions(['--watch', '--rate', '5000', '--seconds', '9']), {
    kind: 'watch',
    options: { rate: 5_000, seconds: 9 },
  });
  assert.deepEqual(parseStormOptions(['--watch', '--json', 'x']), {
    kind: 'fault',
    why: "--json does not go with --watch; see 'sluice storm --help'",
  });
});

function asked(url: string): Promise<{ kinds: string[] }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers: { accept: 'application/json' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        const { ends } = JSON.parse(text);
        resolve({ kinds: ends.map(({ kind }: { kind: string }) => kind) });
      });
    }).on('error', reject);
  });
}

async function untilGone(url: string): Promise<never> {
  for (;;) await asked(url);
}

test('each process of the storm has a page, and Ctrl-C ends both', async () => {
  const child = spawn(process.execPath, [PROGRAM, 'storm', '--watch', '--rate', '1000']);
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  const urls = await new Promise<string[]>((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (part) => reject(new Error(String(part))));
    child.stdout.on('data', (part) => {
      text += part;
      const found = text.match(/http:\/\/127\.0\.0\.1:\d+\//g) ?? [];
      if (found.length === 2) resolve(found);
    });
  });
  const [client, server] = await Promise.all(urls.map(asked));
  assert.deepEqual(client?.kinds, ['channel']);
  assert.deepEqual(server?.kinds, ['server']);
  child.kill('SIGINT');
  assert.equal(await code, 0);
  // Both are gone, or are about to be.
  for (const url of urls) await assert.rejects(untilGone(url), { code: /ECONNREFUSED|ECONNRESET/ });
});
