// A server's stream: one call, from request HEADERS to trailers.
// Invariants: the listener hears `onCancel` or nothing after `end`, exactly one status is written,
// and the handler's slot is its own to give back. gRPC PROTOCOL-HTTP2.md "Responses".
// Not here: routing and handlers (server/).
// Longer than 400 lines because it is the whole of one call: what its handler, loopy, the connection and
// the message reader each ask of a stream.

import { ErrorCode } from '../frames/error-code.ts';
import { acceptEncoding, encodingBit, sendingCodec } from '../grpc/compression-names.ts';
import { type FramingFault, MessageReader } from '../grpc/message-framing.ts';
import { Status } from '../grpc/status.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import { HpackEncoder } from '../hpack/encoder.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { Connection } from './connection.ts';
import { DataItem } from './data-item.ts';
import type { ClosingError, StreamError } from './errors.ts';
import { InFlow } from './in-flow.ts';
import { SMALL_MESSAGE } from './limits.ts';
import { checkMessage } from './message-check.ts';
import { OutStream } from './out-stream.ts';
import type { RequestHead } from './request-head.ts';
import { cutStatus, listSize, statusFields } from './response-status.ts';
import type { ServerTransport } from './server-transport.ts';
import type { StallReason } from './stall.ts';
import { quoted, resetText } from './status-mapping.ts';
import { type CompressedStream, StreamCompression } from './stream-compression.ts';
import { receiveStall, sendStall } from './stream-stall.ts';
import type { TransportStream } from './transport-stream.ts';

/** Who serves the call. Called from inside the transport; must not throw. */
export interface ServerStreamListener {
  /** A message that was asked for; the buffer is transferred. `compressed`: it came like that. */
  onMessage(message: Buffer, compressed: boolean): void;
  /** The client has ended its side, and all messages were taken. */
  onHalfClose(): void;
  /** Room again after `send` said false. */
  onWritable(): void;
  /** The call is over before it ended: reset, connection lost, or a fault of the client. */
  onCancel(reason: string): void;
}

const NO_FIELDS: HeaderFields = [];
const HEAD_CHARGE = 64;

export class ServerStream implements TransportStream, CompressedStream {
  readonly out: OutStream;
  readonly inFlow: InFlow;
  readonly messages: MessageReader;
  readonly head: RequestHead;
  /** When its HEADERS came, ms on the connection's clock. */
  readonly openedMs: number;
  remoteEnded: boolean;
  /** Bytes reserved for the answer until it is known; 0 where none is likely to be large. */
  private reserved: number;
  /** Bytes of messages that the handler was given and may still hold. */
  private delivered: number;
  /** Bytes of its request's headers past what every call is charged; 0 once nobody holds them. */
  private headBytes: number;
  /** The handler is done, or the stream is gone; the other may still hold the headers. */
  private halfOver: boolean;
  private readonly transport: ServerTransport;
  private listener: ServerStreamListener | undefined;
  private headFields: HeaderFields;
  private headSent: boolean;
  /** Undefined while neither side compresses. */
  private compression: StreamCompression | undefined;
  /** A status was given, or the call was cancelled: nothing more is taken. */
  private ended: boolean;
  private code: Status;
  private details: string;
  private trailers: HeaderFields;

  constructor(
    transport: ServerTransport,
    id: number,
    head: RequestHead,
    headBytes: number,
    window: number,
    openedMs: number,
  ) {
    this.out = new OutStream(this, id, HEAD_CHARGE);
    this.inFlow = new InFlow(window);
    this.messages = new MessageReader(this, transport.maxReceiveMessageLength);
    this.head = head;
    this.openedMs = openedMs;
    this.remoteEnded = false;
    const { memory } = transport.connection;
    this.reserved = memory.budget.likelyResponses.of(head.path);
    if (this.reserved > 0) memory.reserve(this.reserved);
    this.delivered = 0;
    this.headBytes = headBytes;
    this.halfOver = false;
    this.transport = transport;
    this.listener = undefined;
    this.headFields = NO_FIELDS;
    this.headSent = false;
    this.compression = undefined;
    this.ended = false;
    this.code = Status.OK;
    this.details = '';
    this.trailers = NO_FIELDS;
  }

  /** Who hears of the call from now on. */
  listen(listener: ServerStreamListener): void {
    this.listener = listener;
  }

  /** True once a status was given or the call is over. */
  get isEnded(): boolean {
    return this.ended;
  }

  // What the handler does.

  /**
   * Compresses the responses by this encoding, `identity` for none; before the response headers.
   * A client that does not take the encoding gets identity.
   * @throws RangeError for an encoding that is not known, Error once the response headers were sent
   */
  compress(name: string): void {
    const codec = sendingCodec(name);
    if (this.headSent) {
      throw new Error(
        `compress "${name}" comes too late: the response headers were sent; set it before them and before the first message`,
      );
    }
    const taken = codec !== undefined && (this.head.acceptEncodings & encodingBit(name)) !== 0;
    if (taken || this.compression !== undefined)
      this.compressed().deflate(taken ? codec : undefined);
  }

  /** Response headers; sent by themselves with the first message or the status otherwise. */
  sendHead(fields: HeaderFields): void {
    if (this.headSent || this.ended) return;
    if (fields.length > 0 && this.exceedsClient(fields)) return;
    this.headSent = true;
    this.headFields = fields;
    this.transport.putHead(this.out);
  }

  private exceedsClient(fields: HeaderFields): boolean {
    const limit = this.transport.connection.peerMaxHeaderList;
    const size = listSize(fields);
    if (size <= limit) return false;
    const text = `response headers of about ${size} bytes exceed the client's limit of ${limit}; send less metadata`;
    this.refuse(Status.RESOURCE_EXHAUSTED, text);
    return true;
  }

  /**
   * Queues a message. The payload is transferred: it must not change until it was written.
   * @returns false when the writer should wait for onWritable
   */
  send(message: Uint8Array): boolean {
    checkMessage(message, 'response');
    if (this.ended) return true;
    const { out, transport } = this;
    if (out.paused && transport.isQueueFull(message.length)) {
      // Told to pause and did not: what is queued is still sent, the call ends behind it.
      const { limits, queuedBytes } = transport;
      transport.connection.limits.count('queued-bytes');
      const text = `refused by the queued-bytes limit: ${queuedBytes} of ${limits.queuedBytes} bytes wait for the client to read; this call writes on; wait for onWritable after send() returns false`;
      this.refuse(Status.RESOURCE_EXHAUSTED, text);
      return true;
    }
    const { buffer } = transport.connection.loopy;
    if (buffer.bytes + message.length > buffer.lease && !this.mayQueue(message.length)) return true;
    if (!this.headSent) this.sendHead(NO_FIELDS);
    const deflation = this.compression?.deflation;
    if (deflation !== undefined) return deflation.send(message, false);
    return this.transport.appendData(this.out, new DataItem(message, 0, false));
  }

  // The memory of the process is short and this connection takes more than its share: what is queued
  // is still sent, and small messages of writers that wait; the others end their call.
  private mayQueue(bytes: number): boolean {
    const { memory } = this.transport.connection;
    this.answered(bytes);
    if (memory.admits(bytes)) return true;
    if (bytes <= SMALL_MESSAGE && !this.out.paused && !memory.budget.isFull) return true;
    this.refuse(Status.RESOURCE_EXHAUSTED, this.transport.intake.memoryRefusal());
    return false;
  }

  /** The status and trailers; the last thing a call does. */
  end(code: Status, details: string, trailers: HeaderFields): void {
    if (this.ended) return;
    this.ended = true;
    this.code = code;
    this.details = details;
    this.trailers = trailers;
    if (!this.isPlainOk) this.fitStatus();
    this.listener = undefined;
    this.messages.destroy();
    if (this.compression?.deflation?.holdsTrailers()) return;
    this.transport.appendTrailers(this.out, !this.remoteEnded);
  }

  private fitStatus(): void {
    const limit = this.transport.connection.peerMaxHeaderList;
    const cut = cutStatus(this.code, this.details, this.trailers, limit);
    if (cut === undefined) return;
    this.code = cut.code;
    this.details = cut.details;
    this.trailers = cut.trailers;
  }

  /** Asks for so many more messages. */
  request(count: number): void {
    // Who asks for more is taken to be done with what came before.
    if (this.delivered > 0 && count > 0) this.dropDelivered();
    if (this.compression?.holds(count)) return;
    this.messages.want(count);
    this.transport.credit(this);
  }

  /** Resets the stream without a status. */
  reset(errorCode: ErrorCode): void {
    if (this.ended) return;
    if (this.out.record !== undefined) this.tellEnd('reset by its handler');
    this.ended = true;
    this.listener = undefined;
    this.messages.destroy();
    this.transport.reset(this, errorCode);
  }

  /** What the call waits for. @param detail the kernel is asked as well, for its queues */
  stall(detail: boolean): StallReason {
    return sendStall(this, detail) ?? receiveStall(this, 'handler') ?? this.handlerStall();
  }

  private handlerStall(): StallReason {
    const { inFlow, messages, openedMs, remoteEnded } = this;
    const now = this.connection.wheel.now();
    if (messages.wanted > 0 && !remoteEnded) {
      const forMs = now - (inFlow.dataMs === 0 ? openedMs : inFlow.dataMs);
      return { kind: 'client-messages', forMs };
    }
    return { kind: 'own-handler', forMs: now - openedMs, begun: this.headSent };
  }

  private cancelled(reason: string): void {
    if (this.out.record !== undefined) this.tellEnd(reason);
    if (this.ended) return;
    this.ended = true;
    this.messages.destroy();
    const listener = this.listener;
    this.listener = undefined;
    listener?.onCancel(reason);
  }

  /** The status that was given may never have been written. */
  private tellEnd(reason: string): void {
    if (this.ended) this.out.record?.end(this.code, this.details);
    else this.out.record?.end(Status.CANCELLED, reason);
  }

  // OutStreamOwner.

  headBound(): number {
    const { headers } = this.transport;
    let bound = headers.headBound;
    if (this.headFields.length > 0) bound += HpackEncoder.bound(this.headFields);
    const deflation = this.compression?.deflation;
    return deflation === undefined ? bound : bound + headers.encodings.bound(deflation.codec.name);
  }

  writeHead(encoder: HpackEncoder, out: Buffer, at: number): number {
    const { headers } = this.transport;
    let end = encoder.writeSegment(headers.head, out, encoder.beginBlock(out, at));
    const deflation = this.compression?.deflation;
    if (deflation !== undefined) end = headers.encodings.write(deflation.codec.name, out, end);
    return this.headFields.length === 0 ? end : encoder.writeFields(this.headFields, out, end);
  }

  trailersBound(): number {
    const { headers } = this.transport;
    if (this.isPlainOk) return headers.trailersBound;
    return headers.trailersBound + HpackEncoder.bound(this.statusFields());
  }

  writeTrailers(encoder: HpackEncoder, out: Buffer, at: number): number {
    const { headers } = this.transport;
    let end = encoder.beginBlock(out, at);
    if (!this.headSent) end = encoder.writeSegment(headers.head, out, end);
    if (this.isPlainOk) return encoder.writeSegment(headers.ok, out, end);
    return encoder.writeFields(this.statusFields(), out, end);
  }

  /** Nothing but OK is to be said. */
  private get isPlainOk(): boolean {
    return this.code === Status.OK && this.trailers.length === 0 && this.details === '';
  }

  private statusFields(): string[] {
    return statusFields(this.code, this.details, this.trailers);
  }

  claimId(): number {
    return this.out.id;
  }

  onWritable(): void {
    this.listener?.onWritable();
  }

  onEndWritten(): void {
    if (this.out.record !== undefined) this.out.record.end(this.code, this.details);
    this.transport.onEndWritten(this);
  }

  // TransportStream.

  acceptsData(): boolean {
    return true;
  }

  onForeignBytes(): boolean {
    return false;
  }

  onHeaders(_block: HeaderBlock, _endStream: boolean): void {
    // Request trailers: gRPC has none, what they say is ignored.
    this.onRemoteEnd();
  }

  onRemoteEnd(): void {
    this.remoteEnded = true;
    this.transport.connection.credit.onRemoteEnd(this);
    this.out.resetAfterTrailers = false;
    this.messages.end();
  }

  onReset(errorCode: number): void {
    this.cancelled(resetText(errorCode));
  }

  onFaulted(error: StreamError): void {
    this.cancelled(error.reason);
  }

  onStarved(waitedMs: number): void {
    const { connection, limits } = this.transport;
    connection.limits.count('partial-wait');
    const text = `refused by the partial-wait limit: ${limits.exposureBytes} bytes are taken by older messages, this one waited ${waitedMs} ms; send fewer large messages at once or raise limits.exposureBytes on the server`;
    this.refuse(Status.RESOURCE_EXHAUSTED, text);
  }

  onShed(): void {
    const details = this.transport.intake.memoryRefusal();
    const { out, transport } = this;
    const { loopy } = transport.connection;
    const isTorn = (out.first?.written ?? 0) > 0 || this.compression !== undefined;
    if (isTorn) {
      // In the middle of a message no status can follow.
      transport.reset(this, ErrorCode.ENHANCE_YOUR_CALM);
      this.cancelled(details);
      return;
    }
    loopy.dropData(out);
    if (!this.ended) {
      this.refuse(Status.RESOURCE_EXHAUSTED, details);
      // What came was thrown away with that.
      transport.connection.credit.onDone(this, this.inFlow.pendingData);
      return;
    }
    this.code = Status.RESOURCE_EXHAUSTED;
    this.details = details;
    this.trailers = NO_FIELDS;
    this.fitStatus();
    transport.appendTrailers(out, !this.remoteEnded);
  }

  onLost(error: ClosingError): void {
    this.cancelled(error.reason);
  }

  // MessageSink.

  onMessage(message: Buffer, compressed: boolean): void {
    if (this.out.record !== undefined) this.out.record.onReceived(message.length, compressed);
    if (compressed) this.inflate(message);
    else this.deliver(message, false);
  }

  private deliver(message: Buffer, compressed: boolean): void {
    const { listener } = this;
    if (listener === undefined) return;
    this.delivered += message.length;
    this.transport.deliveredBytes += message.length;
    listener.onMessage(message, compressed);
  }

  /** A message is known that was taken for large. */
  private answered(bytes: number): void {
    const { memory } = this.transport.connection;
    memory.budget.likelyResponses.note(this.head.path, bytes);
    if (this.reserved > 0) memory.reserve(-this.reserved);
    this.reserved = 0;
  }

  /** The handler is done. */
  onHandlerDone(): void {
    this.dropDelivered();
    if (this.reserved > 0) this.answered(0);
    this.halfEnded();
  }

  /** The handler is done, or the stream is gone. */
  halfEnded(): void {
    if (this.halfOver) {
      this.transport.headBytes -= this.headBytes;
      this.headBytes = 0;
    }
    this.halfOver = true;
  }

  private dropDelivered(): void {
    this.transport.deliveredBytes -= this.delivered;
    this.delivered = 0;
  }

  private inflate(message: Buffer): void {
    if (!this.ended && !this.compressed().inflate(message)) this.refuseEncoding(this.head.encoding);
  }

  private refuseEncoding(encoding: string): void {
    if (encoding === '' || encoding === 'identity') {
      this.refuse(Status.INTERNAL, 'a compressed message without grpc-encoding');
      return;
    }
    const known = acceptEncoding();
    const text = `grpc-encoding ${quoted(encoding)} is not supported; send one of ${known}`;
    this.refuse(Status.UNIMPLEMENTED, text, ['grpc-accept-encoding', known]);
  }

  mayAllocate(length: number): boolean {
    return this.transport.connection.credit.mayAllocate(this, length);
  }

  onFault(fault: FramingFault): void {
    if (fault.code === Status.RESOURCE_EXHAUSTED) this.connection.limits.count('message-length');
    this.refuse(fault.code, whose(fault.code, fault.details));
  }

  /** The request broke a rule: the client gets a status, the handler hears that it is over. */
  private refuse(code: Status, details: string, trailers: HeaderFields = NO_FIELDS): void {
    const listener = this.listener;
    this.end(code, details, trailers);
    listener?.onCancel(details);
  }

  onEnd(): void {
    if (this.compression?.holdsEnd()) return;
    this.listener?.onHalfClose();
  }

  // CompressedStream.

  private compressed(): StreamCompression {
    this.compression ??= new StreamCompression(this, this.head.encoding);
    return this.compression;
  }

  get connection(): Connection {
    return this.transport.connection;
  }

  onInflated(message: Buffer): void {
    this.deliver(message, true);
  }

  onInflationFault(code: Status, details: string): void {
    if (code === Status.RESOURCE_EXHAUSTED) this.connection.limits.count('message-length');
    this.refuse(code, whose(code, details));
  }

  onInflationDone(): void {
    this.request(0);
  }

  onDeflationFault(details: string): void {
    if (!this.ended) {
      this.refuse(Status.INTERNAL, details);
      return;
    }
    // The status that was given waits behind the messages, and cannot be that any more.
    this.code = Status.INTERNAL;
    this.details = details;
    this.trailers = NO_FIELDS;
  }

  onDeflationDone(): void {
    this.transport.appendTrailers(this.out, !this.remoteEnded);
  }
}

// The client that reads it has an option of the same name.
function whose(code: Status, details: string): string {
  return code === Status.RESOURCE_EXHAUSTED ? `${details} on the server` : details;
}
