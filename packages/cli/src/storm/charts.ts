// Which curves the report draws, and from what: per scenario the calls per second of each runtime,
// then memory, calls in flight and the queue. Pure. Two runtimes on one chart share the seconds of
// their union, each with blanks where only the other was sampled.

import type { Series } from './series.ts';

/** One curve's name and the CSS variable of its colour. */
export interface Curve {
  readonly label: string;
  readonly colour: string;
}

/** One chart: columns as uPlot takes them, the seconds first. */
export interface Chart {
  readonly scenario: string;
  readonly title: string;
  readonly note: string;
  readonly unit: string;
  readonly curves: readonly Curve[];
  readonly data: readonly (readonly (number | null)[])[];
  /** Seconds in which a load ran, shaded. */
  readonly loads: readonly (readonly [number, number])[];
}

const RUNTIME_COLOURS = ['--a', '--b', '--c', '--d'];

type SeriesByRuntime = Readonly<Record<string, Series>>;

function ratesChart(scenario: string, name: string, series: Series): Chart {
  return {
    scenario,
    title: `${name}: calls per second`,
    note: 'What was offered, what was taken on, what ended, what was refused at once.',
    unit: '/s',
    curves: [
      { label: 'offered', colour: '--b' },
      { label: 'accepted', colour: '--a' },
      { label: 'finished', colour: '--c' },
      { label: 'refused', colour: '--d' },
    ],
    data: [series.seconds, series.offered, series.accepted, series.finished, series.refused],
    loads: series.loads,
  };
}

/** One quantity of all runtimes on one chart. */
function sharedChart(
  scenario: string,
  title: string,
  note: string,
  unit: string,
  runtimes: SeriesByRuntime,
  pick: (series: Series) => readonly number[],
): Chart {
  const seconds = new Set<number>();
  for (const series of Object.values(runtimes)) {
    for (const second of series.seconds) seconds.add(second);
  }
  const union = [...seconds].sort((left, right) => left - right);
  const columns = Object.values(runtimes).map((series) => {
    const values = pick(series);
    const at = new Map(series.seconds.map((second, index) => [second, values[index] ?? null]));
    return union.map((second) => at.get(second) ?? null);
  });
  const curves = Object.keys(runtimes).map((label, index) => ({
    label,
    colour: RUNTIME_COLOURS[index % RUNTIME_COLOURS.length] ?? '--a',
  }));
  // The loads of two runtimes differ in length: nothing to shade.
  return { scenario, title, note, unit, curves, data: [union, ...columns], loads: [] };
}

function queueCharts(scenario: string, name: string, series: Series): Chart[] {
  if (series.queueItems.every((depth) => depth === null)) return [];
  return [
    {
      scenario,
      title: `${name}: queue, items`,
      note: 'Frames that wait for the connection to take them.',
      unit: '',
      curves: [{ label: 'items', colour: '--a' }],
      data: [series.seconds, series.queueItems],
      loads: series.loads,
    },
    {
      scenario,
      title: `${name}: queue and socket, bytes`,
      note: 'Bytes queued in the runtime, and bytes the kernel has not taken from the socket.',
      unit: 'B',
      curves: [
        { label: 'queue', colour: '--a' },
        { label: 'socket', colour: '--b' },
      ],
      data: [series.seconds, series.queueBytes, series.socketBytes],
      loads: series.loads,
    },
  ];
}

/** The charts of one scenario. */
export function chartsOf(scenario: string, runtimes: SeriesByRuntime): Chart[] {
  const charts: Chart[] = [];
  for (const [name, series] of Object.entries(runtimes)) {
    charts.push(ratesChart(scenario, name, series));
  }
  charts.push(
    sharedChart(
      scenario,
      'client memory (RSS)',
      'What kills a process when it has no limit.',
      'MB',
      runtimes,
      (series) => series.rssMB,
    ),
    sharedChart(
      scenario,
      'calls in flight',
      'Taken on and not ended yet: all of them are held in memory.',
      '',
      runtimes,
      (series) => series.inFlight,
    ),
  );
  for (const [name, series] of Object.entries(runtimes)) {
    charts.push(...queueCharts(scenario, name, series));
  }
  return charts;
}
