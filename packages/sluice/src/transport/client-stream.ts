// A client's stream: one attempt of a call, from HEADERS to trailers.
// Invariants: the listener hears `onEnd` exactly once, after every message that it asked for; a
// stream that was never written costs the wire nothing. gRPC PROTOCOL-HTTP2.md, RFC 9113 §8.1.
// Not here: deadlines, retries, waiting for a connection (channel/).
// Longer than 400 lines because it is the whole of one attempt: what the call, loopy, the connection,
// the message reader and the two directions of compression each ask of a stream.

import { ErrorCode } from '../frames/error-code.ts';
import type { MessageCodec } from '../grpc/compression-codec.ts';
import { acceptEncoding } from '../grpc/compression-names.ts';
import { type FramingFault, MessageReader } from '../grpc/message-framing.ts';
import { Status } from '../grpc/status.ts';
import { encodeTimeout } from '../grpc/timeout.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import { HpackEncoder } from '../hpack/encoder.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { ClientTransport } from './client-transport.ts';
import { NOT_IN_FLIGHT, NOT_WRITTEN } from './concurrency-limiter.ts';
import type { Connection } from './connection.ts';
import { DataItem, endOfStream } from './data-item.ts';
import type { ClosingError, StreamError } from './errors.ts';
import { InFlow } from './in-flow.ts';
import { kernelQueues } from './kernel-queues.ts';
import { DEFAULT_WINDOW, MAX_FOREIGN_BODY, MAX_REPLAY_BYTES } from './limits.ts';
import { OutStream } from './out-stream.ts';
import type { Peer } from './peer.ts';
import {
  parseResponseHead,
  parseTrailers,
  type ResponseHead,
  type Trailers,
} from './response-head.ts';
import type { StallReason } from './stall.ts';
import { httpText, quoted, resetText, statusOfErrorCode, statusOfHttp } from './status-mapping.ts';
import { type CompressedStream, StreamCompression } from './stream-compression.ts';
import { receiveStall, sendStall, socketStall } from './stream-stall.ts';
import type { TransportStream } from './transport-stream.ts';

/** Who makes the call. Called from inside the transport; must not throw. */
export interface ClientStreamListener {
  /** Response headers; `head` may be shared with other calls and is frozen. */
  onHead(head: ResponseHead): void;
  /** A message that was asked for; the buffer is transferred. `compressed`: it came like that. */
  onMessage(message: Buffer, compressed: boolean): void;
  /** Room again after `send` said false. */
  onWritable(): void;
  /** All that the call sends was written. */
  onSent(): void;
  /** A peer that cancels after the deadline did so because of it. */
  isPastDeadline(): boolean;
  /**
   * The call is over.
   * @param trailers flat user metadata
   * @param unprocessed the server is known not to have seen the call: safe to try again
   */
  onEnd(code: Status, details: string, trailers: HeaderFields, unprocessed: boolean): void;
}

const NO_FIELDS: HeaderFields = [];
const NO_TIMEOUT = -1;

// What a response block was parsed into, remembered with the block it came from.
class ParsedBlock {
  head: ResponseHead | string | undefined = undefined;
  trailers: Trailers | string | undefined = undefined;
}

function parsed(block: HeaderBlock): ParsedBlock {
  if (block.derived instanceof ParsedBlock) return block.derived;
  const made = new ParsedBlock();
  block.derived = made;
  return made;
}

export class ClientStream implements TransportStream, CompressedStream {
  readonly out: OutStream;
  readonly inFlow: InFlow;
  readonly messages: MessageReader;
  remoteEnded: boolean;
  /** Counted by the transport as ended on the server. */
  freedSlot: boolean;
  private readonly transport: ClientTransport;
  readonly listener: ClientStreamListener;
  private readonly path: string;
  private readonly fields: HeaderFields;
  /** Milliseconds for the peer's deadline; -1 for none. */
  private readonly timeoutMs: number;
  /** The call's own; undefined for that of the connection. */
  private readonly authority: string | undefined;
  /** Undefined while neither side compresses. */
  private compression: StreamCompression | undefined;
  /** The caller has ended its side: what it sends after that is dropped. */
  private lastSent: boolean;
  private headSeen: boolean;
  /** When its HEADERS were written, ms, while its answer is awaited; or one of the two constants. */
  private inFlightMs: number;
  private ended: boolean;
  private code: Status;
  private details: string;
  private trailers: HeaderFields;
  private foreign: { readonly text: string; body: string } | undefined;

  constructor(
    transport: ClientTransport,
    listener: ClientStreamListener,
    path: string,
    fields: HeaderFields,
    timeoutMs: number,
    headBytes: number,
    maxReceiveLength: number,
    codec: MessageCodec | undefined,
    authority: string | undefined,
  ) {
    this.out = new OutStream(this, 0, headBytes);
    this.inFlow = new InFlow(DEFAULT_WINDOW);
    this.messages = new MessageReader(this, maxReceiveLength);
    this.remoteEnded = false;
    this.freedSlot = false;
    this.transport = transport;
    this.listener = listener;
    this.path = path;
    this.fields = fields;
    this.timeoutMs = timeoutMs;
    this.authority = authority;
    this.compression = undefined;
    if (codec !== undefined) this.compressed().deflate(codec);
    this.lastSent = false;
    this.headSeen = false;
    this.inFlightMs = transport.admission.concurrency === undefined ? NOT_IN_FLIGHT : NOT_WRITTEN;
    this.ended = false;
    this.code = Status.UNKNOWN;
    this.details = '';
    this.trailers = NO_FIELDS;
    this.foreign = undefined;
  }

  // What the call does.

  /**
   * Queues a message. The payload is transferred: it must not change until it was written.
   * @returns false when the writer should wait for onWritable
   */
  send(message: Uint8Array, last: boolean): boolean {
    if (this.ended || this.lastSent) return true;
    this.lastSent = last;
    const deflation = this.compression?.deflation;
    if (deflation !== undefined) return deflation.send(message, last);
    return this.transport.appendData(this.out, new DataItem(message, 0, last));
  }

  /** What a writer that does not wait is told when too much is queued; or undefined. */
  writerRefusal(): string | undefined {
    return this.transport.admission.writerRefusal();
  }

  /** Counts bytes kept for a retry; false when calls of this connection keep too many already. */
  keepForReplay(bytes: number): boolean {
    if (this.transport.replayBytes + bytes > MAX_REPLAY_BYTES) return false;
    if (this.transport.memory.budget.isNear) return false;
    this.transport.replayBytes += bytes;
    return true;
  }

  /** Bytes that keepForReplay counted are kept no longer. */
  dropReplay(bytes: number): void {
    this.transport.replayBytes -= bytes;
  }

  /** No more messages from us. */
  halfClose(): void {
    if (this.ended || this.lastSent) return;
    this.lastSent = true;
    const deflation = this.compression?.deflation;
    if (deflation !== undefined) deflation.halfClose();
    else this.transport.appendData(this.out, endOfStream());
  }

  /** Asks for so many more messages. */
  request(count: number): void {
    if (this.compression?.holds(count)) return;
    this.messages.want(count);
    this.transport.credit(this);
  }

  /** The call is not wanted any more: the listener hears nothing further. */
  cancel(): void {
    if (this.ended) return;
    this.ended = true;
    if (this.inFlightMs !== NOT_IN_FLIGHT) this.giveUp();
    this.messages.destroy();
    this.transport.reset(this, ErrorCode.CANCEL);
  }

  /** The server. */
  get peer(): Peer {
    return this.transport.peer;
  }

  /** HEADERS are on the wire, or in the batch that is about to be. */
  get written(): boolean {
    return this.out.id !== 0;
  }

  /** What the attempt waits for. @param detail the kernel is asked as well, for its queues */
  stall(detail: boolean): StallReason {
    return sendStall(this, detail) ?? receiveStall(this, 'caller') ?? this.answerStall(detail);
  }

  private answerStall(detail: boolean): StallReason {
    const { connection, inFlow, messages, out } = this;
    const now = connection.wheel.now();
    const forMs = now - (inFlow.dataMs === 0 ? out.queuedAt : inFlow.dataMs);
    if (this.headSeen) {
      const bytes = messages.partialReceived;
      if (messages.wanted === 0) return { kind: 'reader', forMs, reader: 'caller', bytes: 0 };
      return { kind: 'response', forMs, bytes };
    }
    if (connection.socketBytes > 0) return socketStall(connection, forMs, detail);
    if (!this.lastSent) return { kind: 'request', forMs };
    const silentMs = Math.min(forMs, now - connection.readMs);
    const kernel = detail ? kernelQueues(connection.socket) : undefined;
    return { kind: 'handler', forMs, silentMs, kernel };
  }

  /** HEADERS are in the batch: what goes on sending is a stream, and lasts as its caller likes. */
  noteWritten(): void {
    if (this.inFlightMs === NOT_IN_FLIGHT) return;
    if (this.lastSent) {
      this.inFlightMs = this.transport.connection.nowMs;
    } else {
      this.transport.admission.concurrency?.leave();
      this.inFlightMs = NOT_IN_FLIGHT;
    }
  }

  /** The answer came, or is not awaited any more. */
  private land(code: Status): void {
    const { admission, connection } = this.transport;
    const untold = this.inFlightMs === NOT_WRITTEN || code === Status.CANCELLED;
    if (untold) admission.concurrency?.leave();
    else admission.concurrency?.answer(this.inFlightMs, connection.nowMs, code);
    this.inFlightMs = NOT_IN_FLIGHT;
  }

  private giveUp(): void {
    // A server that answers nothing has given this connection no time of late.
    this.transport.connection.queueTime();
    this.land(this.listener.isPastDeadline() ? Status.DEADLINE_EXCEEDED : Status.CANCELLED);
  }

  private finish(
    code: Status,
    details: string,
    trailers: HeaderFields,
    unprocessed: boolean,
  ): void {
    if (this.ended) return;
    this.ended = true;
    if (this.inFlightMs !== NOT_IN_FLIGHT) this.land(code);
    this.messages.destroy();
    this.listener.onEnd(code, details, trailers, unprocessed);
  }

  /** Our rules were broken by the response: the stream is reset and the call ends. */
  private refuse(code: Status, details: string): void {
    if (this.ended) return;
    this.transport.reset(this, ErrorCode.CANCEL);
    this.finish(code, details, NO_FIELDS, false);
  }

  // OutStreamOwner.

  headBound(): number {
    const { headers } = this.transport;
    const bound = headers.bound(this.path, this.fields, this.authority);
    const deflation = this.compression?.deflation;
    return deflation === undefined ? bound : bound + headers.encodings.bound(deflation.codec.name);
  }

  writeHead(encoder: HpackEncoder, out: Buffer, at: number): number {
    const headers = this.transport.headers;
    let end = encoder.beginBlock(out, at);
    end =
      this.authority === undefined
        ? headers.writePath(this.path, out, end)
        : headers.writeOwn(this.path, this.authority, out, end);
    if (this.timeoutMs !== NO_TIMEOUT) {
      end = encoder.writeField('grpc-timeout', encodeTimeout(this.timeoutMs), out, end);
    }
    end = encoder.writeSegment(headers.constant, out, end);
    const deflation = this.compression?.deflation;
    if (deflation !== undefined) end = headers.encodings.write(deflation.codec.name, out, end);
    return this.fields.length === 0 ? end : encoder.writeFields(this.fields, out, end);
  }

  trailersBound(): number {
    return HpackEncoder.bound(NO_FIELDS);
  }

  writeTrailers(_encoder: HpackEncoder, _out: Buffer, at: number): number {
    return at;
  }

  claimId(): number {
    return this.transport.claimId(this);
  }

  onWritable(): void {
    if (!this.ended) this.listener.onWritable();
  }

  onEndWritten(): void {
    if (!this.ended) this.listener.onSent();
  }

  // TransportStream.

  acceptsData(): boolean {
    return this.headSeen;
  }

  onForeignBytes(chunk: Buffer, start: number, end: number): boolean {
    const foreign = this.foreign;
    if (foreign === undefined) return false;
    const room = MAX_FOREIGN_BODY - foreign.body.length;
    if (room > 0) foreign.body += chunk.toString('latin1', start, Math.min(end, start + room));
    if (foreign.body.length >= MAX_FOREIGN_BODY) this.endForeign();
    return true;
  }

  onHeaders(block: HeaderBlock, endStream: boolean): void {
    if (endStream) this.remoteEnded = true;
    if (block.tooLarge) {
      this.connection.limits.count('header-list');
      const text = `response headers of ${block.listSize} bytes exceed the limit of ${this.transport.maxHeaderList}`;
      this.refuse(Status.RESOURCE_EXHAUSTED, text);
    } else if (this.headSeen) {
      this.onTrailers(block, endStream);
    } else {
      this.onHead(block, endStream);
    }
  }

  private onHead(block: HeaderBlock, endStream: boolean): void {
    const memo = parsed(block);
    memo.head ??= parseResponseHead(block.fields);
    const head = memo.head;
    if (typeof head === 'string') {
      this.refuse(Status.INTERNAL, head);
    } else if (head.informational) {
      if (endStream)
        this.refuse(Status.INTERNAL, `HTTP status ${head.httpStatus} ended the stream`);
      else this.connection.limits.glitch();
    } else if (head.httpStatus !== 200 || !head.contentTypeIsGrpc) {
      this.headSeen = true;
      this.onForeignHead(head, endStream);
    } else {
      this.headSeen = true;
      if (head.acceptEncodings !== 0) this.transport.peerEncodings = head.acceptEncodings;
      if (!endStream) {
        if (this.inFlightMs !== NOT_IN_FLIGHT) {
          this.land(Status.OK);
          this.transport.onAnswerBegun();
        }
        if (head.encoding !== 'identity') this.compressed().encoding = head.encoding;
        this.listener.onHead(head);
        return;
      }
      const code = head.grpcStatus === -1 ? Status.UNKNOWN : head.grpcStatus;
      const details =
        head.grpcStatus === -1 ? 'the server ended the call without grpc-status' : head.grpcMessage;
      this.remoteEnd(code, details, head.metadataFields);
    }
  }

  private onForeignHead(head: ResponseHead, endStream: boolean): void {
    this.code = head.grpcStatus === -1 ? statusOfHttp(head.httpStatus) : head.grpcStatus;
    const text = httpText(head.httpStatus, head.contentType);
    if (endStream) {
      const details = head.grpcStatus === -1 ? text : head.grpcMessage;
      this.remoteEnd(this.code, details, head.metadataFields);
    } else {
      this.foreign = { text, body: '' };
    }
  }

  private endForeign(): void {
    const foreign = this.foreign;
    if (foreign === undefined) return;
    const body = foreign.body === '' ? '' : `; body: ${JSON.stringify(foreign.body)}`;
    this.refuse(this.code, foreign.text + body);
  }

  private onTrailers(block: HeaderBlock, endStream: boolean): void {
    if (this.foreign !== undefined) {
      this.endForeign();
      return;
    }
    if (!endStream) {
      this.refuse(Status.INTERNAL, 'the server sent HEADERS twice without ending the stream');
      return;
    }
    const memo = parsed(block);
    memo.trailers ??= parseTrailers(block.fields);
    const trailers = memo.trailers;
    if (typeof trailers === 'string') {
      this.refuse(Status.INTERNAL, trailers);
    } else if (!trailers.hasStatus) {
      this.remoteEnd(Status.UNKNOWN, 'the server ended the call without grpc-status', NO_FIELDS);
    } else {
      this.remoteEnd(trailers.grpcStatus, trailers.grpcMessage, trailers.metadataFields);
    }
  }

  onRemoteEnd(): void {
    if (this.foreign !== undefined) {
      this.endForeign();
      return;
    }
    this.remoteEnd(Status.INTERNAL, 'the server ended the stream without trailers', NO_FIELDS);
  }

  /** The status is known; it is told once the messages before it were taken. */
  private remoteEnd(code: Status, details: string, trailers: HeaderFields): void {
    this.remoteEnded = true;
    if (this.inFlightMs !== NOT_IN_FLIGHT) this.land(code);
    this.code = code;
    this.details = details;
    this.trailers = trailers;
    this.transport.onRemoteEnded(this);
    this.messages.end();
  }

  onReset(errorCode: number): void {
    // A reset behind complete trailers only says that the server reads no more of us.
    if (this.remoteEnded) return;
    const unprocessed = errorCode === ErrorCode.REFUSED_STREAM;
    const code = statusOfErrorCode(errorCode, this.listener.isPastDeadline());
    this.finish(code, resetText(errorCode), NO_FIELDS, unprocessed);
  }

  onFaulted(error: StreamError): void {
    this.finish(Status.INTERNAL, error.reason, NO_FIELDS, false);
  }

  onStarved(waitedMs: number): void {
    const { admission, connection } = this.transport;
    connection.limits.count('partial-wait');
    const text = `refused by the partial-wait limit: ${admission.limits.exposureBytes} bytes are taken by older messages, this one waited ${waitedMs} ms; read responses sooner, ask for fewer large ones at once or raise limits.exposureBytes`;
    this.refuse(Status.RESOURCE_EXHAUSTED, text);
  }

  onShed(): void {
    const { admission } = this.transport;
    admission.count('memory-budget');
    this.refuse(Status.RESOURCE_EXHAUSTED, `ended by ${admission.describe('memory-budget')}`);
  }

  onLost(error: ClosingError): void {
    // The response is whole; it is still there to be read, unless we are the ones who closed.
    if (this.remoteEnded && error.initiator !== 'local') return;
    this.finish(Status.UNAVAILABLE, error.reason, NO_FIELDS, !this.written);
  }

  /** The transport hands the call back: the server never saw it. */
  handBack(reason: string): void {
    this.finish(Status.UNAVAILABLE, reason, NO_FIELDS, true);
  }

  // MessageSink.

  onMessage(message: Buffer, compressed: boolean): void {
    if (this.ended) return;
    if (this.out.record !== undefined) this.out.record.onReceived(message.length, compressed);
    if (compressed) this.inflate(message);
    else this.listener.onMessage(message, false);
  }

  private inflate(message: Buffer): void {
    if (this.compression?.inflate(message)) return;
    const encoding = this.compression?.encoding ?? 'identity';
    const text =
      encoding === 'identity' || encoding === ''
        ? 'a compressed message without grpc-encoding'
        : `grpc-encoding ${quoted(encoding)} is not supported; this client takes ${acceptEncoding()}`;
    this.refuse(Status.INTERNAL, text);
  }

  mayAllocate(length: number): boolean {
    return this.transport.connection.credit.mayAllocate(this, length);
  }

  onFault(fault: FramingFault): void {
    if (fault.code === Status.RESOURCE_EXHAUSTED) this.connection.limits.count('message-length');
    this.refuse(fault.code, fault.details);
  }

  onEnd(): void {
    if (this.compression?.holdsEnd()) return;
    this.finish(this.code, this.details, this.trailers, false);
    this.transport.remove(this);
  }

  // CompressedStream.

  private compressed(): StreamCompression {
    this.compression ??= new StreamCompression(this, 'identity');
    return this.compression;
  }

  get isEnded(): boolean {
    return this.ended;
  }

  get connection(): Connection {
    return this.transport.connection;
  }

  onInflated(message: Buffer): void {
    this.listener.onMessage(message, true);
  }

  onInflationFault(code: Status, details: string): void {
    if (code === Status.RESOURCE_EXHAUSTED) this.connection.limits.count('message-length');
    this.refuse(code, details);
  }

  onInflationDone(): void {
    this.request(0);
  }

  onDeflationFault(details: string): void {
    this.refuse(Status.INTERNAL, details);
  }

  /** The end of what is sent is in its place already. */
  onDeflationDone(): void {}
}
