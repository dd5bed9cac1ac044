// The conversation fuzzer: a real transport of a server or a client, and a hostile peer that speaks
// frames in any order, ids from a small pool, lengths that lie; with handlers and callers that read,
// stall and give up, sockets that take nothing for a while, and a clock of its own. Whatever comes:
// nothing is thrown, what the transport writes is legal, its accounts agree with a recount and with the
// wire, limits hold, each call ends once, and after the end nothing is left. RFC 9113, transport/.

import { MemoryBudget } from '#sluice/transport/memory-budget.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { assertIdle, assertOwnAccounts } from '../support/transport-pair.js';
import { Turns } from '../support/turns.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { ConversationClient } from './conversation-client.js';
import { ConversationServer } from './conversation-server.js';
import { generateConversation } from './conversation-steps.js';
import { FuzzSocket } from './fuzz-socket.js';
import { HostilePeer } from './hostile-peer.js';
import { broken, hold, type Target } from './target.js';
import { numberAt, type Step, type Transcript, wordOf } from './transcript.js';
import { WireMonitor } from './wire-monitor.js';

export const conversation: Target = {
  name: 'conversation',
  share: 0.02,
  generate: generateConversation,
  run,
};

/** Turns of the event loop in which a conversation must have come to rest. */
const MOST_TURNS = 2_000;

const MIB = 1 << 20;

function run(transcript: Transcript): string {
  const first = transcript[0] ?? [];
  const conversation = new Conversation(first, wordOf(first) === 'client');
  for (const step of transcript) conversation.step(step);
  return conversation.finish();
}

class Conversation {
  private readonly clock = new VirtualClock(0);
  private readonly wheel = new TimerWheel(this.clock);
  private readonly turns = new Turns();
  private readonly socket = new FuzzSocket();
  private readonly peer = new HostilePeer();
  private readonly monitor: WireMonitor;
  private readonly budget: MemoryBudget;
  private checks = 0;
  private readonly end: ConversationServer | ConversationClient;

  constructor(first: Step, isClient: boolean) {
    this.monitor = new WireMonitor(!isClient);
    this.budget = new MemoryBudget(numberAt(first, 1, 1) === 1 ? MIB : 64 * MIB, this.wheel);
    this.socket.onTaken = (chunk) => this.monitor.onTaken(chunk);
    this.socket.onDelivery = (chunk) => this.monitor.onDelivery(chunk);
    const parts = {
      socket: this.socket,
      wheel: this.wheel,
      schedule: this.turns.schedule,
      budget: this.budget,
    };
    this.end = isClient
      ? new ConversationClient(parts, first)
      : new ConversationServer(parts, first);
    this.socket.resume();
    if (!isClient && numberAt(first, 7, 1) === 0) this.peer.preface();
  }

  step(step: Step): void {
    const word = wordOf(step);
    if (this.peer.send(word, step) || this.end.step(word, step)) return;
    switch (word) {
      case 'chunks':
        this.peer.cut(numberAt(step, 1, 2 ** 31), numberAt(step, 2, 1 << 20));
        return;
      case 'flush':
        this.peer.flush(this.socket);
        this.socket.deliver();
        this.check();
        return;
      case 'turn':
        this.turn();
        return;
      case 'settle':
        this.settle();
        return;
      case 'time':
        this.clock.advance(numberAt(step, 1, 3 * 3_600_000));
        this.check();
        return;
      case 'stall':
        this.socket.stalled = true;
        return;
      case 'take':
        this.socket.takeWritten(numberAt(step, 1, 1 << 20));
        this.check();
        return;
      case 'unstall':
        this.socket.stalled = false;
        return;
      case 'fin':
        this.peer.flush(this.socket);
        this.socket.receiveEnd();
        return;
      case 'break':
        this.socket.fail(new Error('ECONNRESET'));
        return;
      default:
    }
  }

  /** The check phase of one turn, and the sockets. */
  private turn(): boolean {
    const ran = this.turns.run() > 0;
    const taken = !this.socket.stalled && this.socket.takeWritten(Number.POSITIVE_INFINITY);
    const delivered = this.socket.deliver();
    return ran || taken || delivered;
  }

  private settle(): void {
    let turns = 0;
    this.peer.flush(this.socket);
    while (this.turn() || this.turns.waiting > 0) {
      turns++;
      if (turns >= MOST_TURNS) broken(`it does not come to rest within ${MOST_TURNS} turns`);
    }
    this.check();
    if (!this.socket.stalled) this.checkQuiet();
  }

  /** Recounting takes as long as there are streams: the first times, and now and then. */
  private get recounts(): boolean {
    return this.checks < 40 || this.checks % 50 === 0;
  }

  private check(): void {
    const { connection } = this.end;
    this.checks++;
    if (this.recounts) assertOwnAccounts(connection, this.end.name);
    this.end.check();
    const { buffer } = connection.loopy;
    // One frame of the peer may make the last reply; the connection ends with the thousandth.
    if (buffer.responseFrames > 1_000) broken(`${buffer.responseFrames} replies queued`);
    hold(
      buffer.bytes >= 0 && buffer.items >= 0 && buffer.partWritten >= 0,
      'queues are below nothing',
    );
    if (connection.credit.unread < 0) broken(`${connection.credit.unread} bytes unread`);
    hold(
      this.budget.usedBytes >= 0 && this.budget.reservedBytes >= 0,
      'the budget is below nothing',
    );
  }

  /** All that was written is taken, all that came is parsed: both sides know the same. */
  private checkQuiet(): void {
    const { monitor } = this;
    const { connection } = this.end;
    if (connection.closedBy !== undefined || connection.reader.gate === 'closed') return;
    if (!this.socket.isRead || monitor.isFaulty) return;
    if (monitor.repliesDue !== 0) broken(`${monitor.repliesDue} PING and SETTINGS have no reply`);
    if (connection.loopy.sendQuota !== monitor.sendWindow)
      broken(
        `a send quota of ${connection.loopy.sendQuota}, the peer granted ${monitor.sendWindow}`,
      );
    const { flow } = connection.credit;
    if (flow.limit !== flow.unacked + monitor.receiveWindow)
      broken(
        `a window of ${flow.limit} less ${flow.unacked}, the peer has ${monitor.receiveWindow}`,
      );
    if (!this.recounts) return;
    connection.streams.forEach((stream, id) => {
      if (stream.out.endWritten || stream.out.id === 0) return;
      const wire = monitor.stream(id);
      if (stream.out.bytesOutstanding !== -wire.credit)
        broken(
          `stream ${id}: ${stream.out.bytesOutstanding} bytes outstanding, on the wire ${-wire.credit}`,
        );
    });
  }

  /** Everybody gives up, and nothing is left. */
  finish(): string {
    this.checks = 0;
    this.settle();
    const { monitor } = this;
    const code = monitor.goAwayCode < 0 ? 'no GOAWAY' : `GOAWAY ${monitor.goAwayCode}`;
    const outcome = `${this.end.name}, ${code}, ${this.end.outcome}`;
    this.end.close();
    this.socket.stalled = false;
    this.settle();
    this.socket.receiveEnd();
    this.settle();
    // Input that is discarded for a moment after a GOAWAY.
    this.clock.advance(30_000);
    this.settle();
    const { connection } = this.end;
    hold(connection.closedBy !== undefined, 'the connection is over');
    hold(this.socket.isGone && this.socket.isClosed, 'the socket is closed');
    // A socket that took nothing until it was given up keeps the farewell, and nothing else.
    if (connection.loopy.state !== 'blocked-on-socket') assertIdle(connection);
    hold(connection.streams.size === 0 && connection.loopy.buffer.bytes === 0, 'streams or bytes');
    this.end.checkOver();
    if (this.wheel.size !== 0) broken(`${this.wheel.size} timers are left`);
    if (!(this.budget.usedBytes === 0 && this.budget.connections === 0))
      broken(`${this.budget.usedBytes} bytes are left in the budget`);
    return outcome;
  }
}
