/// <reference types="node" preserve="true" />
// The entry point `sluice/opentelemetry`: metrics and traces of every channel and server of the process,
// by the names that gRPC has for them in all languages, in one line.
// Invariants: nothing is listened to, and no call costs more, before `instrument` and after `disable`;
// the only import from outside is `@opentelemetry/api`, an optional peer of this package.
// gRFC A66, A72, A94, A96. Not here: the events that all this is made of (transport/diagnostics.ts).

import {
  context,
  diag,
  type MeterProvider,
  metrics,
  propagation,
  type TextMapPropagator,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { USER_AGENT } from '../channel/channel-options.ts';
import { type HandlerScope, handlerScopes } from '../server/handler-scope.ts';
import { type SluiceEvents, subscribe } from '../transport/diagnostics.ts';
import { AttributeNames, type RecordedNames } from './opentelemetry/attribute-names.ts';
import { CallMetrics } from './opentelemetry/call-metrics.ts';
import { CallRecords } from './opentelemetry/call-records.ts';
import { CallTraces } from './opentelemetry/call-traces.ts';
import { SubchannelMetrics } from './opentelemetry/subchannel-metrics.ts';
import { TransportGauges } from './opentelemetry/transport-gauges.ts';

const NAME = 'sluice';
const VERSION = USER_AGENT.slice(USER_AGENT.indexOf('/') + 1);

type Stop = () => void;

/** Options of `instrument`. */
export interface InstrumentOptions extends RecordedNames {
  /** Where metrics go; default the global one as it is now, `false` for no metrics. */
  readonly meterProvider?: MeterProvider | false | undefined;
  /** Where spans go; default the global one, `false` for no spans and no propagation. */
  readonly tracerProvider?: TracerProvider | false | undefined;
  /** How the trace context goes over the wire; default the global one. */
  readonly propagator?: TextMapPropagator | undefined;
}

/** What `instrument` gives: the way to end it. */
export interface Instrumentation {
  /** Ends it: nothing is recorded from now on, spans of open calls stay unfinished. */
  disable(): void;
}

/**
 * Records metrics and traces of every channel and server of the process, those included that exist
 * already: `instrument()`, once the SDK has started. Metrics are gRPC's (`grpc.client.call.duration` ...)
 * and Sluice's own (`grpc.transport.http2.*`); a span of a call is the child of the active span of its
 * caller, and the active span of its handler on the other side.
 * @throws TypeError for a provider or propagator that is none
 */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  checkOptions(options);
  const stops: Stop[] = [];
  if (options.tracerProvider !== false) {
    const provider = options.tracerProvider ?? trace.getTracerProvider();
    stops.push(...trackSpans(provider, options.propagator ?? propagation));
  }
  if (options.meterProvider !== false) {
    const provider = options.meterProvider ?? metrics.getMeterProvider();
    stops.push(...trackMetrics(provider, new AttributeNames(options)));
  }
  return {
    disable() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

function trackSpans(provider: TracerProvider, propagator: TextMapPropagator): readonly Stop[] {
  const traces = new CallTraces(provider.getTracer(NAME, VERSION), propagator);
  const scope: HandlerScope = {
    run(call, begin) {
      const within = traces.contextOf(call);
      if (within === undefined) begin();
      else context.with(within, begin);
    },
  };
  handlerScopes.add(scope);
  return [
    listen('sluice:call', (event) => traces.onCall(event)),
    listen('sluice:attempt', (event) => traces.onAttempt(event)),
    () => handlerScopes.delete(scope),
  ];
}

function trackMetrics(provider: MeterProvider, names: AttributeNames): readonly Stop[] {
  const meter = provider.getMeter(NAME, VERSION);
  const calls = new CallRecords(new CallMetrics(meter), names);
  const subchannels = new SubchannelMetrics(meter, names);
  const gauges = new TransportGauges(meter, names);
  return [
    listen('sluice:call', (event) => calls.onCall(event)),
    listen('sluice:attempt', (event) => calls.onAttempt(event)),
    listen('sluice:connection', (event) => subchannels.onConnection(event)),
    listen('sluice:limit', (event) => subchannels.onLimit(event)),
    () => subchannels.stop(),
    () => gauges.stop(),
  ];
}

// What an SDK, a sampler or a propagator throws would end the process: this is inside the transport.
function listen<K extends keyof SluiceEvents>(
  name: K,
  listener: (event: SluiceEvents[K]) => void,
): Stop {
  return subscribe(name, (event) => {
    try {
      listener(event);
    } catch (error) {
      diag.error(`sluice: an event of ${name} could not be recorded`, error);
    }
  });
}

function checkOptions(options: InstrumentOptions): void {
  checkHas('meterProvider', options.meterProvider, 'getMeter');
  checkHas('tracerProvider', options.tracerProvider, 'getTracer');
  checkHas('propagator', options.propagator, 'inject');
}

// An SDK object of another kind would fail later, inside a listener, where nobody can catch it.
function checkHas(option: string, value: object | false | undefined, method: string): void {
  if (value === undefined || value === false) return;
  if (typeof value === 'object' && value !== null && method in value) return;
  throw new TypeError(
    `instrument: ${option} has no ${method}(); give one of the OpenTelemetry SDK`,
  );
}
