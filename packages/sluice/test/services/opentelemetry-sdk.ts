// The OpenTelemetry SDK with everything in memory, and what tests ask of what it has collected.

import assert from 'node:assert/strict';
import { type Attributes, context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import {
  type Instrumentation,
  type InstrumentOptions,
  instrument,
} from '#sluice/services/opentelemetry.js';

class Collector extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** One series of a metric as it was collected. */
export interface Series {
  readonly attributes: Attributes;
  /** Of a counter or gauge its value, of a histogram its sum. */
  readonly value: number;
  /** Recordings of a histogram. */
  readonly count: number;
}

/** A metric as it was collected. */
export interface Collected {
  readonly unit: string;
  readonly boundaries: readonly number[];
  readonly series: readonly Series[];
}

/** Instrumentation with an SDK of its own. */
export class Telemetry {
  private readonly reader: Collector;
  private readonly meters: MeterProvider;
  private readonly spanExporter: InMemorySpanExporter;
  private readonly manager: AsyncLocalStorageContextManager;
  readonly tracers: BasicTracerProvider;
  readonly handle: Instrumentation;

  constructor(options: InstrumentOptions = {}) {
    this.reader = new Collector();
    this.meters = new MeterProvider({ readers: [this.reader] });
    this.spanExporter = new InMemorySpanExporter();
    this.tracers = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(this.spanExporter)],
    });
    this.manager = new AsyncLocalStorageContextManager().enable();
    context.setGlobalContextManager(this.manager);
    this.handle = instrument({
      meterProvider: this.meters,
      tracerProvider: this.tracers,
      propagator: new W3CTraceContextPropagator(),
      ...options,
    });
  }

  async end(): Promise<void> {
    this.handle.disable();
    context.disable();
    await this.meters.shutdown();
    await this.tracers.shutdown();
  }

  // Metrics.

  /** Everything there is now, by name. */
  async collect(): Promise<Map<string, Collected>> {
    const { resourceMetrics, errors } = await this.reader.collect();
    assert.deepEqual(errors, []);
    const found = new Map<string, Collected>();
    for (const { metrics } of resourceMetrics.scopeMetrics) {
      for (const { descriptor, dataPoints } of metrics) {
        const points: readonly Point[] = dataPoints;
        found.set(descriptor.name, {
          unit: descriptor.unit,
          boundaries: boundariesOf(points[0]),
          series: points.map(seriesOf),
        });
      }
    }
    return found;
  }

  /** The series of one metric, none where it was not recorded. */
  async series(name: string): Promise<readonly Series[]> {
    return (await this.collect()).get(name)?.series ?? [];
  }

  // Spans.

  /** Those that have ended, in the order of their ends. */
  spans(): ReadableSpan[] {
    return this.spanExporter.getFinishedSpans();
  }

  /** The only span of that name. */
  span(name: string): ReadableSpan {
    const named = this.spans().filter((span) => span.name === name);
    assert.equal(named.length, 1, `spans named ${name} of ${this.names().join(' ')}`);
    const [span] = named;
    assert.ok(span !== undefined);
    return span;
  }

  names(): string[] {
    return this.spans().map(({ name }) => name);
  }
}

/** A data point of a counter, a gauge or a histogram. */
interface Point {
  readonly attributes: Attributes;
  readonly value: number | Recordings;
}

interface Recordings {
  readonly sum?: number | undefined;
  readonly count: number;
  /** Of a histogram with fixed boundaries. */
  readonly buckets?: { readonly boundaries: number[] };
}

function seriesOf({ attributes, value }: Point): Series {
  if (typeof value === 'number') return { attributes, value, count: 0 };
  return { attributes, value: value.sum ?? 0, count: value.count };
}

function boundariesOf(point: Point | undefined): readonly number[] {
  if (point === undefined || typeof point.value === 'number') return [];
  return point.value.buckets?.boundaries ?? [];
}

/** Asserts that one span is the child of another. */
export function assertChild(child: ReadableSpan, parent: ReadableSpan): void {
  assert.equal(child.spanContext().traceId, parent.spanContext().traceId, 'one trace');
  assert.equal(child.parentSpanContext?.spanId, parent.spanContext().spanId, 'parent');
}

/** Events of a span: their names and attributes. */
export function eventsOf(span: ReadableSpan): [string, Attributes][] {
  return span.events.map(({ name, attributes }) => [name, attributes ?? {}]);
}
