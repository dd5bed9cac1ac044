// Which request HEADERS become calls: the checks of gRPC's server in their order, the limits of the
// connection, and how each refusal is told.
// Invariants: `highestPeerStream` only rises (RFC 9113 §5.1.1); a refused request leaves a status or
// a RST_STREAM and nothing else. gRPC PROTOCOL-HTTP2.md. Not here: parsing the list (request-head.ts).

import { ErrorCode } from '../frames/error-code.ts';
import { encodeStatusMessage } from '../grpc/percent-encoding.ts';
import { Status } from '../grpc/status.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import { earlyAbortItem } from './control-buffer.ts';
import type { DrainSequence } from './drain-sequence.ts';
import { ForeignStream } from './foreign-stream.ts';
import { LATE_HEADERS_WEIGHT, MAX_STREAM_ID } from './limits.ts';
import { type HeadFault, parseRequestHead, type RequestHead } from './request-head.ts';
import type { ServerTransport } from './server-transport.ts';
import type { TransportStream } from './transport-stream.ts';

export class RequestIntake {
  /** The first stream that was answered without a handler in this turn; MAX_STREAM_ID if none. */
  private firstRefused: number;
  private readonly transport: ServerTransport;
  private readonly drain: DrainSequence;

  constructor(transport: ServerTransport, drain: DrainSequence) {
    this.firstRefused = MAX_STREAM_ID;
    this.transport = transport;
    this.drain = drain;
  }

  onHeaders(streamId: number, block: HeaderBlock, endStream: boolean): void {
    const stream = this.transport.connection.streams.get(streamId);
    if (stream !== undefined) {
      this.onTrailers(streamId, stream, block, endStream);
    } else if (streamId % 2 === 0) {
      this.transport.connection.fail(
        ErrorCode.PROTOCOL_ERROR,
        `HEADERS on stream ${streamId}, an even id`,
      );
    } else if (streamId > this.transport.connection.highestPeerStream) {
      this.transport.connection.highestPeerStream = streamId;
      this.onRequest(streamId, block, endStream);
    } else {
      this.onLateHeaders(streamId);
    }
  }

  private onTrailers(
    streamId: number,
    stream: TransportStream,
    block: HeaderBlock,
    endStream: boolean,
  ): void {
    if (stream.remoteEnded) {
      const text = `HEADERS after the end of stream ${streamId}`;
      this.transport.connection.faultStream(streamId, ErrorCode.STREAM_CLOSED, text);
    } else if (!endStream || block.fields.some((name, i) => i % 2 === 0 && name.startsWith(':'))) {
      const text = 'a second HEADERS that is no trailers';
      this.transport.connection.faultStream(streamId, ErrorCode.PROTOCOL_ERROR, text);
    } else {
      stream.onHeaders(block, endStream);
    }
  }

  private onLateHeaders(streamId: number): void {
    if (this.transport.connection.ended.wasResetByUs(streamId)) {
      this.transport.connection.limits.lateFrame(LATE_HEADERS_WEIGHT);
      return;
    }
    if (this.transport.connection.ended.wasOpen(streamId)) {
      this.transport.connection.fail(
        ErrorCode.STREAM_CLOSED,
        `HEADERS on closed stream ${streamId}`,
      );
    } else {
      const highest = this.transport.connection.highestPeerStream;
      const text = `HEADERS on stream ${streamId}, which is not above ${highest}`;
      this.transport.connection.fail(ErrorCode.PROTOCOL_ERROR, text);
    }
  }

  private onRequest(streamId: number, block: HeaderBlock, endStream: boolean): void {
    const { connection, limits } = this.transport;
    if (this.drain.refuses(streamId)) {
      this.refuseStream(streamId);
      return;
    }
    if (block.tooLarge) {
      connection.limits.count('header-list');
      const text = `request headers of ${block.listSize} bytes exceed the limit of ${this.transport.maxHeaderList}`;
      this.abort(streamId, 200, Status.RESOURCE_EXHAUSTED, text, endStream);
      return;
    }
    const head = headOf(block);
    if (head.kind !== 'head' && precedesLimits(head)) {
      this.refuseHead(streamId, head, endStream);
    } else if (connection.streams.size >= limits.streams) {
      connection.limits.count('streams');
      this.refuseStream(streamId);
    } else if (!connection.credit.inbound.admits) {
      // The client could not know: no fault of its.
      connection.limits.count('exposure-bytes');
      connection.putReset(streamId, ErrorCode.REFUSED_STREAM, true);
    } else if (head.kind !== 'head') {
      this.refuseHead(streamId, head, endStream);
    } else if (head.timeoutMs === 0) {
      this.abort(streamId, 200, Status.DEADLINE_EXCEEDED, 'expired on arrival', endStream);
    } else if (this.transport.handlers >= limits.handlers) {
      connection.limits.count('handlers');
      const text = `refused by the handlers limit: ${this.transport.handlers} of ${limits.handlers} run on this connection; slow down or raise limits.handlers on the server`;
      this.abort(streamId, 200, Status.RESOURCE_EXHAUSTED, text, endStream);
    } else if (this.transport.queuedBytes >= limits.queuedBytes) {
      connection.limits.count('queued-bytes');
      const text = `refused by the queued-bytes limit: ${this.transport.queuedBytes} of ${limits.queuedBytes} bytes of responses wait for the client to read; read them or raise limits.queuedBytes on the server`;
      this.abort(streamId, 200, Status.RESOURCE_EXHAUSTED, text, endStream);
    } else if (!connection.memory.admitsHandler(this.likelyResponse(head.path))) {
      this.abort(streamId, 200, Status.RESOURCE_EXHAUSTED, this.memoryRefusal(), endStream);
    } else {
      this.transport.open(streamId, head, block.listSize, endStream);
    }
  }

  private likelyResponse(path: string): number {
    return this.transport.connection.memory.budget.likelyResponses.of(path);
  }

  /** A stream that a client which has read what we sent would not have opened. */
  private refuseStream(streamId: number): void {
    const { connection } = this.transport;
    const { limits, credit } = connection;
    // One that has not acknowledged our first SETTINGS may not know of the limit: it is only odd.
    const isCalm = credit.inbound.wasAcknowledged ? limits.takeReset(undefined) : limits.glitch();
    if (isCalm) connection.putReset(streamId, ErrorCode.REFUSED_STREAM, true);
  }

  /** The refusal of what the memory budget has no room for; counts it. */
  memoryRefusal(): string {
    const { memory, limits } = this.transport.connection;
    limits.count('memory-budget');
    memory.noteRefusal();
    return `refused by ${memory.describe()}; read responses sooner, or raise memoryBudget.limitBytes on the server`;
  }

  private refuseHead(streamId: number, fault: HeadFault, endStream: boolean): void {
    if (fault.kind === 'rst') {
      this.transport.connection.faultStream(streamId, fault.errorCode, fault.text);
    } else if (fault.kind === 'foreign') {
      const stream = new ForeignStream(
        this.transport,
        streamId,
        fault,
        this.transport.connection.credit.inbound.enforced,
      );
      this.transport.connection.addStream(stream, streamId);
      if (endStream) stream.onRemoteEnd();
    } else {
      const httpStatus = fault.kind === 'http' ? fault.httpStatus : 200;
      this.abort(streamId, httpStatus, fault.grpcStatus, fault.text, endStream);
    }
  }

  /** What was answered is written. */
  onTurnEnd(): void {
    this.firstRefused = MAX_STREAM_ID;
  }

  /** Whether the answer to a request that has no stream is not even written. */
  isUnanswered(streamId: number): boolean {
    return streamId >= this.firstRefused;
  }

  private abort(id: number, http: number, code: Status, text: string, endStream: boolean): void {
    const fields: HeaderFields = [
      ':status',
      String(http),
      'content-type',
      'application/grpc',
      'grpc-status',
      String(code),
      'grpc-message',
      encodeStatusMessage(text),
    ];
    if (id < this.firstRefused) this.firstRefused = id;
    if (endStream) this.transport.connection.ended.noteEnd(id);
    else this.transport.connection.ended.noteReset(id);
    this.transport.connection.loopy.buffer.put(earlyAbortItem(id, fields, !endStream));
    this.transport.connection.replyQueued();
  }
}

// What a request block was parsed into, remembered with the block. Only this side sets it.
class ParsedRequest {
  readonly head: RequestHead | HeadFault;

  constructor(head: RequestHead | HeadFault) {
    this.head = head;
  }
}

function headOf(block: HeaderBlock): RequestHead | HeadFault {
  if (block.derived instanceof ParsedRequest) return block.derived.head;
  const made = new ParsedRequest(parseRequestHead(block.fields));
  block.derived = made;
  return made.head;
}

/** Faults that are told even to a peer past its stream limit; a wrong method or path is not. */
function precedesLimits(fault: HeadFault): boolean {
  return fault.kind === 'rst' || (fault.kind === 'http' && fault.httpStatus !== 405);
}
