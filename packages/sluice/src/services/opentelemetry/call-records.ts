// Reads the figures of calls and attempts off their events.
// Invariant: an end counts on its own, so a call that began before anybody listened is in every
// instrument but the counters of starts. Not here: the instruments (call-metrics.ts).

import type { Attributes } from '@opentelemetry/api';
import { statusName } from '../../grpc/status.ts';
import type { AttemptEvent, CallEvent } from '../../transport/diagnostics.ts';
import type { AttributeNames } from './attribute-names.ts';
import type { CallMetrics } from './call-metrics.ts';

/** Hears the events of calls and attempts, and records them. */
export class CallRecords {
  private readonly metrics: CallMetrics;
  private readonly names: AttributeNames;

  constructor(metrics: CallMetrics, names: AttributeNames) {
    this.metrics = metrics;
    this.names = names;
  }

  onCall(event: CallEvent): void {
    if (event.phase === 'message') return;
    const { names, metrics } = this;
    const common: Attributes = { 'grpc.method': names.methodOf(event.path, event.registered) };
    if (event.side === 'client') common['grpc.target'] = names.targetOf(event.target);
    if (event.phase === 'start') {
      if (event.side === 'server') metrics.onServerCallStart(common);
      return;
    }
    const all = { ...common, 'grpc.status': statusName(event.status) };
    if (event.side === 'client') metrics.onClientCallEnd(all, common, event);
    else metrics.onServerCallEnd(all, event);
  }

  onAttempt(event: AttemptEvent): void {
    if (event.phase !== 'start' && event.phase !== 'end') return;
    const { names, metrics } = this;
    const common: Attributes = {
      'grpc.method': names.methodOf(event.path, event.registered),
      'grpc.target': names.targetOf(event.target),
    };
    if (event.phase === 'start') metrics.onAttemptStart(common);
    else metrics.onAttemptEnd({ ...common, 'grpc.status': statusName(event.status) }, event);
  }
}
