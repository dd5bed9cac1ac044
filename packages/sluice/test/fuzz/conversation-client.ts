// The client's half of the conversation fuzzer: a ClientTransport and the callers on it, which do what
// the steps say: open, send, read, wait, cancel. Each call must be told one status, and only one.

import type { ClientStream, ClientStreamListener } from '#sluice/transport/client-stream.js';
import {
  ClientTransport,
  type ClientTransportListener,
} from '#sluice/transport/client-transport.js';
import type { Connection } from '#sluice/transport/connection.js';
import { feedFromData } from '#sluice/transport/connector.js';
import { defaultClientLimits } from '#sluice/transport/limits.js';
import { Choice, type EndParts, PAYLOAD } from './conversation-server.js';
import { broken, hold } from './target.js';
import { numberAt, type Step } from './transcript.js';

class Caller implements ClientStreamListener {
  stream: ClientStream | undefined = undefined;
  ends = 0;
  /** The status, -1 before it. */
  code = -1;
  wasCancelled = false;
  private heads = 0;
  private asked = 0;
  private messages = 0;
  private readonly mostMessage: number;

  constructor(mostMessage: number) {
    this.mostMessage = mostMessage;
  }

  get isOver(): boolean {
    return this.ends > 0 || this.wasCancelled;
  }

  request(count: number): void {
    this.asked += count;
    this.stream?.request(count);
  }

  onHead(): void {
    hold(!this.isOver, 'headers behind the end of a call');
    this.heads++;
    hold(this.heads === 1, 'headers are told once');
  }

  onMessage(message: Buffer): void {
    hold(!this.isOver, 'a message behind the end of a call');
    if (message.length > this.mostMessage) broken(`a message of ${message.length} bytes`);
    this.messages++;
    hold(this.messages <= this.asked, 'a message that was not asked for');
    hold(this.heads === 1, 'a message before the headers');
  }

  onWritable(): void {
    hold(!this.isOver, 'room behind the end of a call');
  }

  onSent(): void {
    hold(!this.isOver, 'sent behind the end of a call');
  }

  isPastDeadline(): boolean {
    return false;
  }

  onEnd(code: number, details: string): void {
    if (this.isOver) broken(`a second end: ${code} ${details}`);
    if (!(Number.isInteger(code) && code >= 0 && code <= 16)) broken(`status ${code}`);
    this.ends++;
    this.code = code;
  }
}

export class ConversationClient implements ClientTransportListener {
  readonly name: string = 'client';
  readonly transport: ClientTransport;
  private readonly calls: Caller[] = [];
  private readonly mostMessage: number;
  private closes = 0;

  constructor(parts: EndParts, first: Step) {
    this.mostMessage = Choice.message(first);
    this.transport = new ClientTransport(this, {
      ...parts,
      scheme: 'http',
      authority: 'test:1',
      userAgent: 'test',
      limits: {
        ...defaultClientLimits,
        openCalls: Choice.streams(first),
        queuedBytes: Choice.queuedBytes(first),
        exposureBytes: Choice.exposureBytes(first),
      },
      maxHeaderList: 16_384,
      maxReceiveMessageLength: this.mostMessage,
      initialStreamWindow: 65_535,
      initialConnectionWindow: 65_535,
      staticWindows: numberAt(first, 8, 1) === 1,
      keepalive: {},
    });
    feedFromData(parts.socket, this.transport.connection.reader);
  }

  get connection(): Connection {
    return this.transport.connection;
  }

  onReady(): void {}

  onCapacity(): void {}

  onKeepaliveTime(): void {}

  onDraining(): void {}

  onClosed(): void {
    this.closes++;
  }

  /** False for a step that is none of its. */
  step(word: string, step: Step): boolean {
    if (word === 'open') {
      this.open(step);
      return true;
    }
    const call = this.calls[numberAt(step, 1, 1_000)];
    const stream = call?.isOver ? undefined : call?.stream;
    switch (word) {
      case 'read':
        if (stream !== undefined) call?.request(numberAt(step, 2, 1_000));
        return true;
      case 'send':
        // Answered to a cancelled call too: senders are not told at once.
        call?.stream?.send(
          PAYLOAD.subarray(0, numberAt(step, 2, PAYLOAD.length)),
          numberAt(step, 3, 1) === 1,
        );
        return true;
      case 'finish':
        stream?.halfClose();
        return true;
      case 'reset':
        if (stream !== undefined && call !== undefined) {
          call.wasCancelled = true;
          stream.cancel();
        }
        return true;
      case 'drain':
        this.transport.drain('the client drains');
        return true;
      default:
        return word === 'head' || word === 'policy' || word === 'release';
    }
  }

  // ['open', path, timeout, messages asked for, bytes sent at once with the end, metadata]
  private open(step: Step): void {
    if (this.transport.state === 'closed' || this.transport.state === 'draining') return;
    const call = new Caller(this.mostMessage);
    const timeout = numberAt(step, 2, 1_000_000);
    const fields = numberAt(step, 5, 1) === 1 ? ['x-a', 'some value', 'x-b-bin', 'AAAA'] : [];
    const path = `/shop.Shop/M${numberAt(step, 1, 9)}`;
    call.stream = this.transport.newStream(call, path, fields, timeout === 0 ? -1 : timeout);
    if (call.stream === undefined) return;
    this.calls.push(call);
    const asked = numberAt(step, 3, 1_000);
    if (asked > 0) call.request(asked);
    const bytes = numberAt(step, 4, PAYLOAD.length);
    if (bytes > 0) call.stream.send(PAYLOAD.subarray(0, bytes), true);
  }

  /** What came of calls. */
  get outcome(): string {
    if (this.calls.length === 0) return 'no call';
    return this.calls.some((call) => call.code === 0) ? 'a call is OK' : 'calls';
  }

  check(): void {
    const { admission } = this.transport;
    if (admission.openCalls < 0) broken(`${admission.openCalls} open calls`);
    if (admission.openCalls > admission.limits.openCalls)
      broken(`${admission.openCalls} open calls, the limit is ${admission.limits.openCalls}`);
  }

  close(): void {
    this.transport.close('the conversation is over');
  }

  checkOver(): void {
    if (this.closes !== 1) broken(`it was told ${this.closes} times that the connection is over`);
    for (const [i, call] of this.calls.entries()) {
      // A response that was whole before the end is still there to be read.
      if (!call.isOver) call.request(1_000_000);
      if (!(call.ends === 1 || call.wasCancelled)) broken(`call ${i} has no status`);
    }
    if (this.transport.admission.openCalls !== 0)
      broken(`${this.transport.admission.openCalls} open calls`);
    if (this.transport.replayBytes !== 0)
      broken(`${this.transport.replayBytes} bytes kept for a retry`);
  }
}
