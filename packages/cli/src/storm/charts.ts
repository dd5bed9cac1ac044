// Which curves the report draws, and from what: per scenario the memory of all runtimes first, then
// the calls they hold, then each runtime's rates and queues. Pure. Runtimes on one chart share the
// seconds of their union, each with blanks where only another was sampled.

import { BARS, PROMISING } from './scenarios.ts';
import type { Series } from './series.ts';
import { displayName, fate } from './summary.ts';

/** One curve's name and the CSS variable of its colour. */
export interface Curve {
  readonly label: string;
  readonly colour: string;
  /** CSS pixels; a wide one is laid under the others. */
  readonly width: number;
  /** True for a bar that is promised, not measured. */
  readonly dashed: boolean;
  /** True if the highest value is written beside the curve. */
  readonly marksPeak: boolean;
}

/** Seconds in which a load ran; the colour names whose, where a chart shows several runtimes. */
export interface ChartLoad {
  readonly from: number;
  readonly to: number;
  readonly colour: string | null;
}

/** Something that happened at one moment, such as the death of a client. */
export interface ChartMark {
  readonly second: number;
  readonly text: string;
  /** A second line under it. */
  readonly detail: string;
  readonly colour: string;
}

/** One chart: columns as uPlot takes them, the seconds first. */
export interface Chart {
  readonly scenario: string;
  readonly title: string;
  readonly note: string;
  /** Of the vertical axis. */
  readonly unit: string;
  /** True for the chart that tells the story: it spans the page. */
  readonly wide: boolean;
  readonly curves: readonly Curve[];
  readonly data: readonly (readonly (number | null)[])[];
  readonly loads: readonly ChartLoad[];
  readonly marks: readonly ChartMark[];
}

/** The same everywhere in the report, whoever else ran. */
const RUNTIME_COLOURS: Readonly<Record<string, string>> = {
  sluice: '--a',
  'drop-in': '--d',
  'grpc-js': '--b',
  'grpc-go': '--c',
};

type SeriesByRuntime = Readonly<Record<string, Series>>;
type Column = readonly (number | null)[];

/** The colour a runtime has on every chart and card. */
export function runtimeColour(name: string): string {
  return RUNTIME_COLOURS[name] ?? '--c';
}

function curve(label: string, colour: string, width = 2): Curve {
  return { label, colour, width, dashed: false, marksPeak: false };
}

function loadsOf(series: Series, colour: string | null): ChartLoad[] {
  return series.loads.map(([from, to]) => ({ from, to, colour }));
}

function deathOf(name: string, series: Series, colour: string): ChartMark[] {
  if (series.crash === null) return [];
  const { second, why } = series.crash;
  return [{ second, text: `${displayName(name)} ${fate(why)}`, detail: why, colour }];
}

function highest(column: Column): number {
  let top = 0;
  for (const value of column) if (value !== null && value > top) top = value;
  return top;
}

/** One quantity of all runtimes on one chart. */
function sharedChart(
  about: Pick<Chart, 'scenario' | 'title' | 'note' | 'unit' | 'wide'>,
  runtimes: SeriesByRuntime,
  pick: (series: Series) => readonly number[],
): Chart {
  const seconds = new Set<number>();
  for (const series of Object.values(runtimes)) {
    for (const second of series.seconds) seconds.add(second);
  }
  const union = [...seconds].sort((left, right) => left - right);
  const curves: Curve[] = [];
  const columns: Column[] = [];
  const loads: ChartLoad[] = [];
  const marks: ChartMark[] = [];
  for (const [name, series] of Object.entries(runtimes)) {
    const colour = runtimeColour(name);
    const values = pick(series);
    const at = new Map(series.seconds.map((second, index) => [second, values[index] ?? null]));
    curves.push({ ...curve(displayName(name), colour), marksPeak: true });
    columns.push(union.map((second) => at.get(second) ?? null));
    loads.push(...loadsOf(series, colour));
    marks.push(...deathOf(name, series, colour));
  }
  return { ...about, curves, data: [union, ...columns], loads, marks };
}

function memoryChart(scenario: string, runtimes: SeriesByRuntime): Chart {
  const chart = sharedChart(
    {
      scenario,
      title: 'Memory of the client process',
      note: 'Resident memory (RSS), which is what gets a process killed. A flat line is a client with limits; a line that climbs for as long as the load runs is one without. Bars at the foot: when the load runs.',
      unit: 'MB',
      wide: true,
    },
    runtimes,
    (series) => series.rssMB,
  );
  const curves = [...chart.curves];
  const data = [...chart.data];
  for (const name of PROMISING) {
    const idle = runtimes[name]?.idleRssMB ?? null;
    if (idle === null) continue;
    const bar = Math.round(idle + BARS.rssGrowthMB);
    const label = `promised by ${displayName(name)}: never above ${bar} MB`;
    curves.push({ ...curve(label, runtimeColour(name), 1.5), dashed: true });
    data.push((chart.data[0] ?? []).map(() => bar));
  }
  return { ...chart, curves, data };
}

function heldCallsChart(scenario: string, runtimes: SeriesByRuntime): Chart {
  return sharedChart(
    {
      scenario,
      title: 'Calls held by the client',
      note: 'Taken on and not ended yet; each one costs memory until it ends. Bars at the foot: when the load runs.',
      unit: 'calls',
      wide: false,
    },
    runtimes,
    (series) => series.inFlight,
  );
}

function ratesChart(scenario: string, name: string, series: Series): Chart {
  return {
    scenario,
    title: `${displayName(name)}: calls per second`,
    note: 'Offered: what the load asked for, as far as the process found time to take or refuse it. Shaded: the load runs.',
    unit: 'calls per second',
    wide: false,
    curves: [
      curve('offered', '--e', 5),
      curve('refused at once', '--d'),
      curve('accepted', '--a'),
      curve('ended', '--c'),
    ],
    data: [series.seconds, series.offered, series.refused, series.accepted, series.finished],
    loads: loadsOf(series, null),
    marks: deathOf(name, series, '--bad'),
  };
}

/** The note of a chart whose curves may all be flat at 0, which looks like a fault if unsaid. */
function depthNote(note: string, columns: readonly Column[]): string {
  return columns.every((column) => highest(column) === 0)
    ? `${note} Nothing waited here at any sample.`
    : note;
}

function queueCharts(scenario: string, name: string, series: Series): Chart[] {
  if (series.queueItems.every((depth) => depth === null)) return [];
  const shared = {
    scenario,
    wide: false,
    loads: loadsOf(series, null),
    marks: deathOf(name, series, '--bad'),
  };
  const calls = [series.openStreams, series.waitingCalls];
  const bytes = [series.queueBytes, series.socketBytes];
  return [
    {
      ...shared,
      title: `${displayName(name)}: where the calls it holds are`,
      note: depthNote('Both have a limit; a call that fits neither is refused at once.', calls),
      unit: 'calls',
      curves: [curve('on the connection', '--a'), curve('waiting for a place on it', '--d')],
      data: [series.seconds, ...calls],
    },
    {
      ...shared,
      title: `${displayName(name)}: frames queued for the connection`,
      note: depthNote('Frames that wait for the connection to take them.', [series.queueItems]),
      unit: 'frames',
      curves: [{ ...curve('frames', '--a'), marksPeak: highest(series.queueItems) > 0 }],
      data: [series.seconds, series.queueItems],
    },
    {
      ...shared,
      title: `${displayName(name)}: bytes queued`,
      note: depthNote(
        'In the queue of the runtime, and handed to the socket but not taken by the kernel.',
        bytes,
      ),
      unit: 'bytes',
      curves: [curve('queue', '--a'), curve('socket', '--d')],
      data: [series.seconds, ...bytes],
    },
  ];
}

/** The charts of one scenario. */
export function chartsOf(scenario: string, runtimes: SeriesByRuntime): Chart[] {
  const charts = [memoryChart(scenario, runtimes)];
  for (const [name, series] of Object.entries(runtimes)) {
    charts.push(ratesChart(scenario, name, series));
  }
  charts.push(heldCallsChart(scenario, runtimes));
  for (const [name, series] of Object.entries(runtimes)) {
    charts.push(...queueCharts(scenario, name, series));
  }
  return charts;
}
