// The account of a soak's calls: each is entered when it begins and crossed out when it ends.
// Invariants: nothing is kept of a call that has ended but a count by its status; a second end, an
// end that the plan does not allow, and a wrong answer are faults, the first few of them in words.

import { type CallPlan, isRightful, plannedCodes, type Road } from './plan.ts';
import { statusName } from './status-name.ts';

/** Faults that are told in words; the others are only counted. */
const TOLD_FAULTS = 20;

/** What a soak's calls came to, of one client. */
export interface Account {
  readonly begun: number;
  readonly open: number;
  readonly statuses: Record<string, number>;
  /** Ended twice. */
  readonly twice: number;
  /** Ended with a status that the plan does not allow, or with OK and a wrong answer. */
  readonly wrong: number;
  readonly faults: readonly string[];
}

/** What a runtime tells of a call. */
export interface CallWatcher {
  onHeader(): void;
  onMessage(bytes: number): void;
  onEnd(code: number, details: string): void;
}

/** The channel of a call, as far as its outcome depends on it. */
export interface Way {
  readonly name: string;
  readonly road: Road;
  /** Its channel was closed while calls were open. */
  closed: boolean;
}

/** A call under way. */
export class Entry implements CallWatcher {
  readonly plan: CallPlan;
  readonly way: Way;
  readonly beganMs: number;
  /** Set while the call is under way and something of its own may still happen to it. */
  timer: NodeJS.Timeout | undefined;
  cancel: (() => void) | undefined;
  ended: boolean;
  private readonly ledger: Ledger;
  private readonly onEnded: () => void;
  private responses: number;
  private wrongBytes: boolean;

  constructor(ledger: Ledger, plan: CallPlan, way: Way, onEnded: () => void) {
    this.plan = plan;
    this.way = way;
    this.beganMs = performance.now();
    this.timer = undefined;
    this.cancel = undefined;
    this.ended = false;
    this.ledger = ledger;
    this.onEnded = onEnded;
    this.responses = 0;
    this.wrongBytes = false;
  }

  onHeader(): void {
    if (this.plan.cancel === 'after-header') this.cancel?.();
  }

  onMessage(bytes: number): void {
    this.responses += 1;
    if (bytes !== this.plan.order.responseBytes) this.wrongBytes = true;
  }

  onEnd(code: number, details: string): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.cancel = undefined;
    const again = this.ended;
    this.ledger.end(this, code, details);
    this.ended = true;
    if (!again) this.onEnded();
  }

  /** What is wrong with the answer of a call that ended with OK. */
  wrongAnswer(): string | undefined {
    if (this.wrongBytes) return 'a message of another length';
    const { responseCount } = this.plan.order;
    if (this.responses === responseCount) return undefined;
    return `${this.responses} messages of ${responseCount}`;
  }

  toString(): string {
    const { order, kind, cancel, expires } = this.plan;
    const wants = plannedCodes(this.plan).map(statusName).join(' or ');
    const more = `${cancel === 'none' ? '' : `, cancelled ${cancel}`}${expires ? ', expiring' : ''}`;
    return `call ${order.id} (${kind} by ${this.way.name}, planned ${wants}${more})`;
  }
}

export class Ledger {
  private readonly entries: Set<Entry>;
  private readonly statuses: Map<string, number>;
  private readonly told: string[];
  private begun: number;
  private twice: number;
  private wrong: number;
  private waiters: (() => void)[];

  constructor() {
    this.entries = new Set();
    this.statuses = new Map();
    this.told = [];
    this.begun = 0;
    this.twice = 0;
    this.wrong = 0;
    this.waiters = [];
  }

  /** @param onEnded told once, when the call ends */
  begin(plan: CallPlan, way: Way, onEnded: () => void = () => {}): Entry {
    const entry = new Entry(this, plan, way, onEnded);
    this.entries.add(entry);
    this.begun += 1;
    return entry;
  }

  end(entry: Entry, code: number, details: string): void {
    if (entry.ended) {
      this.twice += 1;
      this.tell(`${entry} ended again, with ${statusName(code)}`);
      return;
    }
    this.entries.delete(entry);
    const name = statusName(code);
    this.statuses.set(name, (this.statuses.get(name) ?? 0) + 1);
    const answer = code === 0 ? entry.wrongAnswer() : undefined;
    if (!isRightful(entry.plan, entry.way.road, entry.way.closed, code)) {
      this.wrong += 1;
      this.tell(`${entry} ended with ${name}: ${details}`);
    } else if (answer !== undefined) {
      this.wrong += 1;
      this.tell(`${entry} ended with ${name} and ${answer}`);
    }
    if (this.entries.size > 0) return;
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  get open(): number {
    return this.entries.size;
  }

  /** Resolves when no call is open, with whether that was in time. */
  async allEnded(withinMs: number): Promise<boolean> {
    if (this.entries.size === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.waiters.push(resolve);
      timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
    this.waiters = [];
    return this.entries.size === 0;
  }

  /** Calls that are open for longer than this, in words. */
  overdue(ms: number): readonly string[] {
    const now = performance.now();
    return [...this.entries]
      .filter(({ beganMs }) => now - beganMs > ms)
      .slice(0, TOLD_FAULTS)
      .map((entry) => `${entry} has not ended after ${Math.round(now - entry.beganMs)} ms`);
  }

  account(): Account {
    return {
      begun: this.begun,
      open: this.entries.size,
      statuses: Object.fromEntries(this.statuses),
      twice: this.twice,
      wrong: this.wrong,
      faults: [...this.told],
    };
  }

  private tell(fault: string): void {
    if (this.told.length < TOLD_FAULTS) this.told.push(fault);
  }
}
