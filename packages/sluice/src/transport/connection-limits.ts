// The limits that a connection has at either end: how often each acted, how it stands, and the
// budgets of what a peer may cost us without breaking a rule that ends the connection at once.
// Invariant: `count` is the only way in which a limit of a connection is counted.
// Not here: those of one end alone (admission.ts, server-limits.ts), what each is (limit-table.ts).

import { ErrorCode } from '../frames/error-code.ts';
import type { LimitReading } from './admission.ts';
import type { Connection, ConnectionRole } from './connection.ts';
import { tellLimit } from './connection-events.ts';
import { limitEvents } from './diagnostics.ts';
import { GlitchBudget } from './glitch-budget.ts';
import { LimitCounts } from './limit-counts.ts';
import { type LimitName, limits } from './limit-table.ts';
import { GLITCH_BURST, GLITCHES_PER_SECOND, PREMATURE_RESET_AGE_MS } from './limits.ts';
import { ResetBudget } from './reset-budget.ts';
import type { TransportStream } from './transport-stream.ts';

/** In the order of stats: what peers meet by accident before what only attacks do. */
export const CONNECTION_LIMITS: readonly LimitName[] = [
  'message-length',
  'header-list',
  'partial-wait',
  'slow-read',
  'response-gate',
  'response-frames',
  'caused-resets',
  'empty-data',
  'glitches',
  'protocol-errors',
  'settings-entries',
  'continuations',
  'header-block',
  'header-list-hard',
];

/** What the options made of a limit that either end has. */
export function connectionLimitValue(
  name: LimitName,
  options: Pick<ConnectionRole, 'maxHeaderList' | 'maxReceiveMessageLength'>,
): number {
  if (name === 'header-list') return options.maxHeaderList;
  if (name === 'message-length') return options.maxReceiveMessageLength;
  return limits[name].value;
}

/** How much of it is used on a connection; 0 of those that single frames are held to. */
export function connectionLimitDepth(name: LimitName, connection: Connection): number {
  switch (name) {
    case 'partial-wait': {
      const now = connection.wheel.now();
      return Math.round(connection.credit.partials.longestWaitMs(now));
    }
    case 'response-gate':
    case 'response-frames':
      return connection.loopy.buffer.responseFrames;
    case 'caused-resets':
      return connection.limits.causedResets.used;
    case 'empty-data':
      return connection.dispatch.emptyData;
    case 'glitches':
      return Math.round(connection.limits.glitches.depth(connection.wheel.now()));
    default:
      return 0;
  }
}

/** One for each connection. */
export class ConnectionLimits {
  /** How often limits acted here. */
  readonly acted: LimitCounts;
  /** Resets that faults of the peer made us send. */
  readonly causedResets: ResetBudget;
  /** What the peer sent that was legal and of no use. */
  readonly glitches: GlitchBudget;
  /** Bytes that may still come for streams which we ended before the peer did. */
  private lateBytes: number;
  private readonly connection: Connection;
  private readonly role: ConnectionRole;

  /** @param causedResets that it begins with */
  constructor(connection: Connection, role: ConnectionRole, causedResets: number) {
    this.acted = new LimitCounts();
    this.causedResets = new ResetBudget(causedResets);
    this.glitches = new GlitchBudget();
    this.lateBytes = 0;
    this.connection = connection;
    this.role = role;
  }

  /** Notes that a limit acts, and tells those who listen; how it acts is the caller's. */
  count(name: LimitName, what: 'waited' | 'refused' = 'refused'): void {
    this.acted.add(name);
    if (limitEvents.hasSubscribers) this.tell(name, what);
  }

  private tell(name: LimitName, what: 'waited' | 'refused'): void {
    const { server, names } = this.connection;
    tellLimit(name, this.reading(name), what, server ? 'server' : 'client', names.peer);
  }

  /** A limit as it stands. */
  reading(name: LimitName): LimitReading {
    return (
      this.role.ownReading(name) ?? {
        value: this.valueOf(name),
        unit: limits[name].unit,
        depth: connectionLimitDepth(name, this.connection),
        acted: this.acted.of(name),
      }
    );
  }

  private valueOf(name: LimitName): number {
    // New connections of a server may begin with less.
    if (name === 'caused-resets') return this.causedResets.allowed;
    return connectionLimitValue(name, this.role);
  }

  /** A limit past which the connection ends. */
  end(name: LimitName, reason: string, errorCode: ErrorCode = ErrorCode.ENHANCE_YOUR_CALM): void {
    if (this.connection.closedBy !== undefined) return;
    this.count(name);
    this.connection.fail(errorCode, reason);
  }

  /** A fault of the peer is to be answered by RST_STREAM; false when it was one too many. */
  takeReset(stream: TransportStream | undefined): boolean {
    const { nowMs } = this.connection;
    const openedMs = stream === undefined ? nowMs : this.role.openedMs(stream);
    if (nowMs - openedMs >= PREMATURE_RESET_AGE_MS) return true;
    if (this.causedResets.take()) return true;
    const { allowed } = this.causedResets;
    this.end(
      'caused-resets',
      `caused-resets: more than ${allowed} streams had to be reset for faults of the peer, and one for each call that completed; keep to HTTP/2 and to SETTINGS`,
    );
    return false;
  }

  /** Something legal and of no use came; false when it was one too many. */
  glitch(): boolean {
    return this.glitches.take(this.connection.nowMs) || this.tooManyGlitches();
  }

  /** A frame for a stream that is over came; false when it was one too many. */
  lateFrame(weight: number): boolean {
    const { streamsStarted } = this.role;
    if (this.glitches.takeLate(weight, streamsStarted, this.connection.nowMs)) return true;
    return this.tooManyGlitches();
  }

  private tooManyGlitches(): boolean {
    this.end(
      'glitches',
      `glitches: more than ${GLITCH_BURST} frames of no use, and ${GLITCHES_PER_SECOND} a second; send nothing for streams that are over, acknowledge what was sent, and give credit by more than a few bytes`,
    );
    return false;
  }

  /** The peer does not know yet that a stream is over, and may send what its window lets it. */
  expectLate(window: number): void {
    // More than the connection's window is not on its way; and that goes back at once, so twice.
    const most = this.connection.credit.flow.limit * 2;
    this.lateBytes = Math.min(most, this.lateBytes + Math.max(0, window));
  }

  /** DATA for a stream that is over came: whether it was not on its way already. */
  isUnexpected(length: number): boolean {
    if (length > this.lateBytes) return true;
    this.lateBytes -= length;
    return false;
  }
}
