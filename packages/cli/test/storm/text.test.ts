// What the storm shows: tables, sentences, the live view, the HTML report.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartsOf } from '../../dist/storm/charts.js';
import { figuresOf } from '../../dist/storm/figures.js';
import { htmlReport, readPlotLibrary } from '../../dist/storm/html-report.js';
import type { RunMeasured } from '../../dist/storm/run-runtime.js';
import { SCENARIOS, type Scenario } from '../../dist/storm/scenarios.js';
import { seriesOf } from '../../dist/storm/series.js';
import { finalText, headline } from '../../dist/storm/summary.js';
import { table } from '../../dist/storm/text-table.js';
import { judge } from '../../dist/storm/verdict.js';
import { progressBar, StormView, sparkline } from '../../dist/storm/view.js';
import { heldFigures, sampleAt, scenarioReport, stormReport } from './example-figures.ts';

function slowServer(): Scenario {
  const [first] = SCENARIOS;
  assert.ok(first);
  return first;
}

function died(): RunMeasured {
  return {
    peakClosedLoopRps: 8000,
    unloadedP99Ms: 3,
    idle: sampleAt(900, {}),
    after: null,
    last: sampleAt(3000, { offered: 20_000, finished: 300, ok: 300, statuses: [300] }),
    storms: [],
    samples: [
      sampleAt(1000, { queueItems: null }),
      sampleAt(3000, { offered: 20_000, finished: 300, ok: 300, rss: 600e6, queueItems: null }),
    ],
    crash: 'heap out of memory 2.0 s into the load',
  };
}

function stormed(): RunMeasured {
  const storm = { loadSeconds: 1, offered: 100, ok: 10, kernelPeakRss: 0 };
  return {
    ...died(),
    crash: null,
    after: sampleAt(9000, { offered: 300, refused: 200, finished: 100 }),
    last: sampleAt(9000, { offered: 300, refused: 200, finished: 100, refusedBy: { q: 200 } }),
    storms: [
      { ...storm, fromMs: 1000, toMs: 2000, kernelPeakRss: 160e6 },
      { ...storm, fromMs: 3000, toMs: 4000, ok: 9 },
    ],
    samples: [
      sampleAt(1000, { rss: 120e6 }),
      sampleAt(2500, { rss: 150e6, queueItems: 7 }),
      sampleAt(3000, { rss: 140e6, offered: 100, refused: 90, queueItems: 3 }),
      sampleAt(3500, { rss: 130e6, offered: 200, refused: 180 }),
    ],
  };
}

test('a table aligns names to the left and figures to the right', () => {
  const text = table([['what', 'a', 'long name'], ['rows', '1,000', '2'], ['short']]);
  assert.equal(
    text,
    ['what       a  long name', '-----  -----  ---------', 'rows   1,000          2', 'short'].join(
      '\n',
    ),
  );
});

test('the figures of storms in a row are sums of counts and the worst of rates', () => {
  const figures = figuresOf(stormed());
  assert.equal(figures.goodputRps, 9);
  assert.equal(figures.accepted, 100);
  assert.equal(figures.lost, 0);
  assert.deepEqual(figures.peaksMB, [160, 140]);
  assert.equal(figures.rssGrowthMB, 60);
  assert.equal(figures.idleLiveMB, 10);
  assert.equal(figures.peakQueueItems, 7);
  assert.equal(figures.depthsAfter?.openStreams, 0);
});

test('a client that died is a result: what was seen until then, and why', () => {
  const figures = figuresOf(died());
  assert.equal(figures.crashed, true);
  assert.equal(figures.lost, 19_700);
  assert.equal(figures.goodputRps, 150);
  assert.equal(figures.peakRssMB, 600);
  assert.equal(figures.peakQueueItems, null);
  const text = headline(slowServer(), scenarioReport({ 'grpc-js': figures }));
  assert.match(text, /grpc-js died \(heap out of memory 2\.0 s into the load\)/);
});

test('the final text names every failed promise with its figure and its bar', () => {
  const figures = { ...heldFigures(), lost: 3, finished: 129_997 };
  const report = stormReport([scenarioReport({ sluice: figures })]);
  report.verdicts = judge(slowServer(), 100_000, figures);
  const text = finalText(SCENARIOS, report);
  assert.match(text, /FAILED {2}every accepted call ends exactly once +3 lost of 130,000 +0 lost/);
  assert.match(text, /1 of 10 promises FAILED/);
});

test('curves carry rates over half a second and the seconds of each load', () => {
  const series = seriesOf(stormed());
  assert.deepEqual(series.loads, [
    [0, 1],
    [2, 3],
  ]);
  assert.deepEqual(series.seconds, [0, 1.5, 2, 2.5]);
  assert.equal(series.offered[3], 200);
  assert.equal(series.accepted[3], 20);
});

test('the HTML report is one file that refers to nothing outside itself', () => {
  const charts = chartsOf('slow-server', {
    sluice: seriesOf(stormed()),
    'grpc-js': seriesOf(died()),
  });
  const report = stormReport([
    scenarioReport({ sluice: heldFigures(), '</script><b>': figuresOf(died()) }),
  ]);
  const page = htmlReport(SCENARIOS, report, charts, readPlotLibrary());
  assert.doesNotMatch(page, /(src|href|action|poster|data)\s*=\s*["'](?!data:)/i);
  assert.doesNotMatch(page, /url\(|@import|fetch\(|XMLHttpRequest|<link|<img|<iframe/i);
  assert.match(page, /prefers-color-scheme: dark/);
  assert.match(page, /var uPlot=/);
  assert.equal(page.split('</script>').length, 4);
  for (const index of charts.keys()) assert.ok(page.includes(`id="chart-${index}"`));
  const data = /<script id="storm-data"[^>]*>(.*?)<\/script>/s.exec(page)?.[1] ?? '';
  assert.deepEqual(JSON.parse(data), JSON.parse(JSON.stringify({ charts })));
});

test('a runtime that shows no depth gets no queue chart', () => {
  const titles = chartsOf('slow-server', { 'grpc-js': seriesOf(died()) }).map(
    (chart) => chart.title,
  );
  assert.equal(titles.filter((title) => title.includes('queue')).length, 0);
  assert.equal(titles.length, 3);
});

test('a progress bar is as long as asked at any fraction', () => {
  assert.equal(progressBar(0.5, 4), '\u2588\u2588\u2591\u2591');
  assert.equal(progressBar(2, 3).length, 3);
  assert.equal(progressBar(-1, 3), '\u2591\u2591\u2591');
  assert.equal(sparkline([0, 1, 2], 2), '\u2585\u2588');
});

test('a terminal gets its lines redrawn in place and left clean', () => {
  let text = '';
  const out = { write: (part: string) => (text += part), isTTY: true, columns: 200 };
  const view = new StormView(out, 10, () => 0);
  view.run('slow-server, sluice', 10);
  view.phase('storm', 4);
  view.sample(sampleAt(0, {}));
  view.sample(sampleAt(500, { offered: 50_000, refused: 45_000, finished: 5000, queueItems: 12 }));
  assert.match(text, /slow-server, sluice: storm/);
  assert.match(text, /offered +100,000 {2}accepted +10,000/);
  assert.match(text, /12 items/);
  text = '';
  view.finish();
  assert.equal(text, '\u001b[1A\u001b[2K'.repeat(5));
});

test('anything else gets a plain line a second', () => {
  let text = '';
  let ms = 0;
  const view = new StormView({ write: (part: string) => (text += part) }, 10, () => ms);
  view.run('stopped-server, grpc-js', 10);
  view.phase('storm', 4);
  for (ms = 1000; ms < 3000; ms += 100) view.sample(sampleAt(ms, { queueItems: null }));
  assert.equal(text.split('\n').length - 1, 2);
  assert.match(text, /queue not shown by this runtime/);
  assert.ok(!text.includes('\u001b'));
});
