// What the storm shows: tables, sentences, the live view, the HTML report.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartsOf } from '../../dist/storm/charts.js';
import { figuresOf } from '../../dist/storm/figures.js';
import { htmlReport, readPlotLibrary } from '../../dist/storm/html-report.js';
import type { RunMeasured } from '../../dist/storm/run-runtime.js';
import { SCENARIOS, type Scenario } from '../../dist/storm/scenarios.js';
import { seriesOf } from '../../dist/storm/series.js';
import { finalText, headline, runtimeSentence, scenarioRows } from '../../dist/storm/summary.js';
import { table, wrapped } from '../../dist/storm/text-table.js';
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
    crash: 'heap out of memory 2.5 s into the load',
    crashSeconds: 2.5,
  };
}

function stormed(): RunMeasured {
  const storm = { loadSeconds: 1, offered: 100, ok: 10, kernelPeakRss: 0 };
  return {
    ...died(),
    crash: null,
    crashSeconds: null,
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
  assert.match(text, /grpc-js died \(heap out of memory 2\.5 s into the load\) at 600\.0 MB/);
});

test('a client that had to be ended because it no longer answered hung, it did not die', () => {
  const crash = 'no answer for 7 s; ended 13.1 s into the load';
  const figures = { ...figuresOf(died()), crash };
  const text = runtimeSentence(slowServer(), 100_000, 'grpc-js', figures);
  assert.match(text, /^grpc-js hung \(no answer for 7 s; ended 13\.1 s into the load\) at/);
});

test('the final text names every failed promise with its figure and its bar', () => {
  const figures = { ...heldFigures(), lost: 3, finished: 129_997 };
  const report = stormReport([scenarioReport({ sluice: figures })]);
  report.verdicts = judge(slowServer(), 'sluice', 100_000, figures);
  const text = finalText(SCENARIOS, report, 100);
  assert.match(
    text,
    /FAILED {2}every accepted call ends exactly once: 3 lost of 130,000 \(promised: 0 lost\)/,
  );
  assert.match(text, /1 of 10 promises of Sluice FAILED/);
});

test('the promises of each runtime stand under its name, and are counted by it', () => {
  const broken = { ...heldFigures(), lost: 3, finished: 129_997 };
  const report = stormReport([scenarioReport({ sluice: heldFigures(), 'drop-in': broken })]);
  report.verdicts = [
    ...judge(slowServer(), 'sluice', 100_000, heldFigures()),
    ...judge(slowServer(), 'drop-in', 100_000, broken),
  ];
  const text = finalText(SCENARIOS, report, 100);
  assert.match(text, /Promises of Sluice:\nheld .*Promises of @sluice\/grpc-js:\nheld /s);
  assert.match(
    text,
    /All 10 promises of Sluice held\. 1 of 10 promises of @sluice\/grpc-js FAILED\./,
  );
  const page = htmlReport(SCENARIOS, report, [], readPlotLibrary());
  assert.match(
    page,
    /slow-server, @sluice\/grpc-js, every accepted call ends exactly once: 3 lost/,
  );
  const row = /<tr><td>every accepted call ends exactly once<\/td>.*<\/tr>/.exec(page)?.[0] ?? '';
  assert.match(row, /held.*0 lost of 130,000.*failed.*3 lost of 130,000.*<td>0 lost<\/td>/);
});

test('nothing is judged where only grpc-js ran', () => {
  const report = stormReport([scenarioReport({ 'grpc-js': heldFigures() })]);
  const text = finalText(SCENARIOS, report, 100);
  assert.match(text, /No promise was judged/);
  assert.doesNotMatch(text, /Promises of/);
});

test('the final text of three runtimes fits a terminal of 80 columns', () => {
  const crowded = { ...figuresOf(died()), statuses: { DEADLINE_EXCEEDED: 4_000_000, OK: 1 } };
  const full = { ...crowded, peaksMB: [500, 500, 500], offered: 4_000_000, crash: null };
  const runtimes = { sluice: heldFigures(), 'drop-in': full, 'grpc-js': crowded };
  const report = stormReport([scenarioReport(runtimes)]);
  report.verdicts = [
    ...judge(slowServer(), 'sluice', 100_000, heldFigures()),
    ...judge(slowServer(), 'drop-in', 100_000, full),
  ];
  for (const line of finalText(SCENARIOS, report, 80).split('\n')) {
    assert.ok(line.length <= 80, line);
  }
});

test('the table has a row for each status and each limit that occurred', () => {
  const other = { ...heldFigures(), statuses: { INTERNAL: 7 }, refusedBy: { 'queued-bytes': 2 } };
  const text = table(scenarioRows(scenarioReport({ sluice: heldFigures(), other })));
  assert.match(text, /ended OK +130,000 +0\n/);
  assert.match(text, /ended INTERNAL +0 +7\n/);
  assert.match(text, /by the open-calls limit +1,000,000 +0\n/);
  assert.match(text, /by the queued-bytes limit +0 +2\n/);
});

test('a sentence says how far the load got where a runtime held it up', () => {
  const slow = { ...heldFigures(), achievedOfferedRps: 7000 };
  const text = runtimeSentence(slowServer(), 100_000, 'grpc-js', slow);
  assert.match(text, /found time for 7,000 of the 100,000 a second/);
  assert.doesNotMatch(
    runtimeSentence(slowServer(), 100_000, 'sluice', heldFigures()),
    /found time/,
  );
});

test('words wrap between columns and lose nothing', () => {
  const text = 'one two three-and-a-half four';
  assert.deepEqual(wrapped(text, 8), ['one two', 'three-and-a-half', 'four']);
  assert.equal(wrapped(text, 1000)[0], text);
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

test('a failed promise is named at the top of the report', () => {
  const figures = { ...heldFigures(), lost: 3, finished: 129_997 };
  const report = stormReport([scenarioReport({ sluice: figures })]);
  report.verdicts = judge(slowServer(), 'sluice', 100_000, figures);
  const page = htmlReport(SCENARIOS, report, [], readPlotLibrary());
  const top = page.slice(0, page.indexOf('<h2>'));
  assert.match(top, /1 of 10 promises of Sluice FAILED/);
  assert.match(top, /slow-server, every accepted call ends exactly once: 3 lost of 130,000/);
});

test('a chart names its unit and every curve of it', () => {
  const charts = chartsOf('slow-server', {
    sluice: seriesOf(stormed()),
    'grpc-js': seriesOf(died()),
  });
  for (const chart of charts) {
    assert.notEqual(chart.unit, '');
    assert.ok(chart.curves.every(({ label }) => label !== ''));
    assert.equal(chart.data.length, chart.curves.length + 1);
    assert.ok(chart.loads.length > 0);
  }
  assert.deepEqual(
    charts.filter(({ wide }) => wide).map(({ title, unit }) => [title, unit]),
    [['Memory of the client process', 'MB']],
  );
});

test('the memory chart shows the bar that Sluice promised', () => {
  const [memory] = chartsOf('slow-server', { sluice: seriesOf(stormed()) });
  assert.ok(memory);
  assert.match(memory.curves[1]?.label ?? '', /never above 196 MB/);
  assert.deepEqual(new Set(memory.data[2]), new Set([196]));
});

test('each runtime has a curve and a colour of its own, and its own bar where it promised one', () => {
  const series = seriesOf(stormed());
  const [memory] = chartsOf('slow-server', {
    sluice: series,
    'drop-in': { ...series, idleRssMB: 90 },
    'grpc-js': seriesOf(died()),
  });
  assert.deepEqual(
    memory?.curves.map(({ label, dashed }) => [label, dashed]),
    [
      ['Sluice', false],
      ['@sluice/grpc-js', false],
      ['grpc-js', false],
      ['promised by Sluice: never above 196 MB', true],
      ['promised by @sluice/grpc-js: never above 186 MB', true],
    ],
  );
  const measured = memory?.curves.slice(0, 3).map(({ colour }) => colour);
  assert.equal(new Set(measured).size, 3);
});

test('a death is marked when it happened, which is after the last sample', () => {
  const series = seriesOf(died());
  assert.equal(series.seconds.at(-1), 2);
  assert.deepEqual(series.loads, [[0, 2.5]]);
  for (const chart of chartsOf('slow-server', { 'grpc-js': series })) {
    assert.deepEqual(
      chart.marks.map(({ second, text, detail }) => [second, text, detail]),
      [[2.5, 'grpc-js died', 'heap out of memory 2.5 s into the load']],
    );
  }
});

test('a queue that was empty at every sample says so', () => {
  const charts = chartsOf('slow-server', { sluice: seriesOf(stormed()) });
  const bytes = charts.find(({ title }) => title === 'Sluice: bytes queued');
  const frames = charts.find(({ title }) => title.includes('frames'));
  assert.match(bytes?.note ?? '', /Nothing waited here/);
  assert.doesNotMatch(frames?.note ?? '', /Nothing waited here/);
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
  assert.equal(sparkline([0, 1, 2], 2, 0), '\u2585\u2588');
});

test('a terminal gets its lines redrawn in place and left clean', () => {
  let text = '';
  const out = { write: (part: string) => (text += part), isTTY: true, columns: 80 };
  const view = new StormView(out, 10, () => 0);
  view.run('slow-server, sluice', 10);
  view.phase('storm', 4);
  view.sample(sampleAt(0, {}));
  const counts = { offered: 50_000, refused: 45_000, finished: 4000, queueItems: 12 };
  for (let at = 500; at < 9000; at += 100) view.sample(sampleAt(at, counts));
  assert.match(text, /slow-server, sluice: storm/);
  assert.match(text, /offered +100,000\/s +accepted +10,000\/s/);
  assert.match(text, /12 frames/);
  assert.match(text, /1,000 calls/);
  for (const line of text.split('\n')) {
    const shown = line.replaceAll('\u001b[1A\u001b[2K', '');
    assert.ok(shown.length < 80, shown);
  }
  text = '';
  view.finish();
  assert.equal(text, '\u001b[1A\u001b[2K'.repeat(7));
});

test('anything else gets a plain line a second', () => {
  let text = '';
  let ms = 0;
  const view = new StormView({ write: (part: string) => (text += part) }, 10, () => ms);
  view.run('stopped-server, grpc-js', 10);
  view.phase('storm', 4);
  for (ms = 1000; ms < 3000; ms += 100) view.sample(sampleAt(ms, { queueItems: null }));
  assert.equal(text.split('\n').length - 1, 2);
  assert.match(text, /queue not shown by this runtime; held 0 calls; RSS 100\.0 MB/);
  assert.ok(!text.includes('\u001b'));
});
