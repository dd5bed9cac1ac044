// The spans of calls: what they are called, what they say and how they end.
// Invariant: names are of registered methods, or of those that this process calls; what a peer sends
// makes no new name. gRFC A72 "Tracing Information"; the `rpc.*` attributes are OpenTelemetry's
// semantic conventions for gRPC. Not here: when spans begin and end (call-traces.ts).

import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api';
import { Status, statusName } from '../../grpc/status.ts';
import { OTHER } from './attribute-names.ts';

/** A message as the events of calls and attempts tell of it. */
interface Message {
  readonly direction: 'sent' | 'received';
  readonly sequence: number;
  /** As they go over the wire. */
  readonly bytes: number;
  readonly compressed: boolean;
}

/** The spans of one method. */
export interface MethodSpans {
  /** Of a call of a client, over all its attempts: `Sent.package.Service.Method`. */
  readonly call: string;
  /** Of one attempt. */
  readonly attempt: string;
  /** Of a call that a server serves. */
  readonly served: string;
  /** What each of them says of the method. */
  readonly attributes: Attributes;
}

/** Span of a server whose method nobody has registered. */
export const SERVED_OTHER: string = `Recv.${OTHER}`;

/** Methods that are remembered: more than any program has, but some make theirs as they run. */
const MAX_METHODS = 1_000;

const methods = new Map<string, MethodSpans>();

/** The names and attributes of a method's spans; those of registered methods are made once. */
export function spansOf(path: string, registered: boolean): MethodSpans {
  if (!registered) return newSpans(path);
  let spans = methods.get(path);
  if (spans !== undefined) return spans;
  spans = newSpans(path);
  if (methods.size >= MAX_METHODS) methods.clear();
  methods.set(path, spans);
  return spans;
}

function newSpans(path: string): MethodSpans {
  const name = path.slice(1).replaceAll('/', '.');
  return {
    call: `Sent.${name}`,
    attempt: `Attempt.${name}`,
    served: `Recv.${name}`,
    attributes: methodAttributes(path),
  };
}

function methodAttributes(path: string): Attributes {
  const slash = path.indexOf('/', 1);
  if (slash < 0) return { 'rpc.system': 'grpc', 'rpc.method': path };
  return {
    'rpc.system': 'grpc',
    'rpc.service': path.slice(1, slash),
    'rpc.method': path.slice(slash + 1),
  };
}

/** A message went out or came in. */
export function addMessageEvent(
  span: Span,
  { direction, sequence, bytes, compressed }: Message,
): void {
  const name = direction === 'sent' ? 'Outbound message' : 'Inbound message';
  const attributes: Attributes = { 'sequence-number': sequence };
  attributes[compressed ? 'message-size-compressed' : 'message-size'] = bytes;
  span.addEvent(name, attributes);
}

/** Ends a span with the status of its call or attempt. */
export function endSpan(span: Span, code: Status, details: string): void {
  span.setAttribute('rpc.grpc.status_code', code);
  if (code === Status.OK) {
    span.setStatus({ code: SpanStatusCode.OK });
  } else {
    const message = details === '' ? statusName(code) : `${statusName(code)}: ${details}`;
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  span.end();
}
