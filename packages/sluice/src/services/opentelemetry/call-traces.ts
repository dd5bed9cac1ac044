// The spans of calls and attempts as the events of calls tell of them, and the trace context that goes
// out with each attempt and comes in with each request.
// Invariants: a client's call belongs to whatever context its caller is in, a server's to what its
// client sent and to nothing else; each attempt sends the context of its own span.
// gRFC A72. Not here: what spans say (spans.ts), metrics (call-metrics.ts).

import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type {
  AttemptEvent,
  AttemptStart,
  CallEvent,
  ClientCallStart,
  ServerCallStart,
} from '../../transport/diagnostics.ts';
import { metadataGetter, metadataSetter } from './propagation.ts';
import { addMessageEvent, endSpan, SERVED_OTHER, spansOf } from './spans.ts';

/** Milliseconds from which an attempt that waited for its connection says so. */
const DELAYED_PICK_MS = 1;

/** A span and the context in which it is the active one. */
interface Traced {
  readonly span: Span;
  readonly context: Context;
}

/** Hears the events of calls and attempts, and makes their spans. */
export class CallTraces {
  private readonly tracer: Tracer;
  private readonly propagator: TextMapPropagator;
  /** Calls of both sides and attempts, by the keys of their events. */
  private readonly traced: WeakMap<object, Traced>;

  constructor(tracer: Tracer, propagator: TextMapPropagator) {
    this.tracer = tracer;
    this.propagator = propagator;
    this.traced = new WeakMap();
  }

  /** The context of a server's call; undefined of one that began before anybody listened. */
  contextOf(call: object): Context | undefined {
    return this.traced.get(call)?.context;
  }

  onCall(event: CallEvent): void {
    switch (event.phase) {
      case 'start':
        if (event.side === 'client') this.startClientCall(event);
        else this.startServerCall(event);
        return;
      case 'message': {
        const span = this.traced.get(event.call)?.span;
        if (span?.isRecording() === true) addMessageEvent(span, event);
        return;
      }
      case 'end': {
        const span = this.take(event.call);
        if (span !== undefined) endSpan(span, event.status, event.details);
      }
    }
  }

  private startClientCall({ call, path, registered, target }: ClientCallStart): void {
    const spans = spansOf(path, registered);
    const attributes = { ...spans.attributes, 'grpc.target': target };
    this.start(call, spans.call, SpanKind.CLIENT, attributes, context.active());
  }

  private startServerCall({ call, path, peer, registered, metadata }: ServerCallStart): void {
    const spans = spansOf(path, registered);
    const attributes = { ...spans.attributes, 'network.peer.address': peer };
    const name = registered ? spans.served : SERVED_OTHER;
    // What is active here is whatever the socket was made in.
    const parent = this.propagator.extract(ROOT_CONTEXT, metadata, metadataGetter);
    this.start(call, name, SpanKind.SERVER, attributes, parent);
  }

  onAttempt(event: AttemptEvent): void {
    if (event.phase === 'start') {
      this.startAttempt(event);
      return;
    }
    const span = this.traced.get(event.attempt)?.span;
    if (span === undefined) return;
    switch (event.phase) {
      case 'placed':
        if (event.waitedMs >= DELAYED_PICK_MS) span.addEvent('Delayed LB pick complete');
        span.setAttribute('network.peer.address', event.peer);
        return;
      case 'message':
        if (span.isRecording()) addMessageEvent(span, event);
        return;
      case 'end':
        this.traced.delete(event.attempt);
        endSpan(span, event.status, event.details);
    }
  }

  private startAttempt(event: AttemptStart): void {
    const { attempt, call, path, registered } = event;
    const spans = spansOf(path, registered);
    const attributes = {
      ...spans.attributes,
      'previous-rpc-attempts': event.previousAttempts,
      'transparent-retry': event.cause === 'transparent',
    };
    // Of a call that began before anybody listened: an attempt may come long after its start.
    const parent = this.traced.get(call)?.context ?? ROOT_CONTEXT;
    const traced = this.start(attempt, spans.attempt, SpanKind.CLIENT, attributes, parent);
    this.propagator.inject(traced, event.metadata, metadataSetter);
  }

  /** Of what ends: nobody asks for it again. */
  private take(key: object): Span | undefined {
    const span = this.traced.get(key)?.span;
    this.traced.delete(key);
    return span;
  }

  private start(
    key: object,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    parent: Context,
  ): Context {
    const span = this.tracer.startSpan(name, { kind, attributes }, parent);
    const within = trace.setSpan(parent, span);
    this.traced.set(key, { span, context: within });
    return within;
  }
}
