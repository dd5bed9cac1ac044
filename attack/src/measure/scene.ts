// The processes of one flood row: who is under attack, the good client, the attacker; and the steps
// that both directions share.
// Not here: the order of the steps (flood-row.ts), what they mean (flood-verdict.ts).

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { AttackName } from '../attack.ts';
import { Child } from '../child.ts';
import type { Figures } from '../report.ts';
import type { RowContext } from '../row.ts';
import type { ConnectPlan, ServePlan } from '../runtimes/runtime.ts';
import type { VictimEnds, VictimLoad } from '../victim-process.ts';
import type { FloodPlan } from './flood-plan.ts';
import type { GoodFigures } from './good-load.ts';
import type { Reading, Settled } from './meter.ts';
import { peakOf, resetPeak } from './peak-rss.ts';

/** What the process under attack says. */
export interface TargetReading extends Reading {
  readonly acted: Record<string, number>;
  readonly handlersMost: number;
  readonly open: { connections: number; streams: number } | null;
}

const DEFAULT_SERVE: ServePlan = { limits: { streams: 100, handlers: 100 } };
/** Seconds that a question other than an attack may take. */
const PATIENCE = 30;
const WARM_IN_FLIGHT = 50;
const WARM_MS = 4_000;
/** Between attacks that are repeated: each is one of its own. */
const REST_MS = 100;
const GOOD_RPS = 100;

interface Pem {
  readonly cert: string;
  readonly key: string;
}

/** What an attack showed, and how calls to a hostile server ended. */
export interface Attacked {
  /** What the attacker saw; each time where a short attack was repeated. */
  readonly seen: readonly Figures[];
  readonly ends: VictimEnds | undefined;
}

/** Both directions offer the same steps. */
export interface Scene {
  /** The process under attack. */
  readonly target: Child;
  open(): Promise<void>;
  warmUp(): Promise<void>;
  startGood(): Promise<void>;
  stopGood(): Promise<GoodFigures>;
  /**
   * @param leastMs a shorter attack on a server is repeated until then: it takes some hundred calls
   * of the good client to speak of a p99
   * @param whileHeld runs when the attack is done, before its connections are ended
   */
  attack(
    what: AttackName,
    seconds: number,
    leastMs: number,
    whileHeld: () => Promise<void>,
  ): Promise<Attacked>;
  close(): void;
}

function pemOf(plan: FloodPlan, context: RowContext): Pem | undefined {
  if (!plan.tls) return undefined;
  if (context.certificate === undefined) throw new Error('openssl is not to be had: no TLS');
  const { certificate, key } = context.certificate;
  return { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
}

function trusting(port: number, pem: Pem | undefined): ConnectPlan {
  return pem === undefined ? { port } : { port, trusted: pem.cert };
}

async function serveOn(
  child: Child,
  runtime: string,
  plan: ServePlan,
  pem: Pem | undefined,
): Promise<number> {
  const served = { ...plan, ...(pem === undefined ? {} : { tls: pem }) };
  const { port } = await child.ask<{ port: number }>(
    { ask: 'serve', runtime, plan: served },
    PATIENCE,
  );
  return port;
}

/** A server is under attack; the good client is a process of its own. */
export class ServerScene implements Scene {
  readonly target: Child;
  private readonly good: Child;
  private readonly attacker: Child;
  private readonly plan: FloodPlan;
  private readonly runtime: string;
  private readonly pem: Pem | undefined;
  private port: number;

  constructor(plan: FloodPlan, context: RowContext) {
    this.pem = pemOf(plan, context);
    this.plan = plan;
    this.runtime = context.runtime;
    this.port = 0;
    this.target = new Child('target-process.js');
    this.good = new Child('good-process.js');
    this.attacker = new Child('attacker-process.js');
  }

  async open(): Promise<void> {
    const plan = this.plan.serve ?? DEFAULT_SERVE;
    this.port = await serveOn(this.target, this.runtime, plan, this.pem);
    await this.good.ask({ ask: 'connect', plan: trusting(this.port, this.pem) }, PATIENCE);
  }

  async warmUp(): Promise<void> {
    await this.good.ask({ ask: 'warm', inFlight: WARM_IN_FLIGHT, ms: WARM_MS }, PATIENCE);
  }

  async startGood(): Promise<void> {
    await this.good.ask({ ask: 'start', rps: GOOD_RPS }, PATIENCE);
  }

  stopGood(): Promise<GoodFigures> {
    return this.good.ask({ ask: 'stop' }, PATIENCE);
  }

  async attack(
    what: AttackName,
    seconds: number,
    leastMs: number,
    whileHeld: () => Promise<void>,
  ): Promise<Attacked> {
    const address = { port: this.port, trusted: this.pem?.cert };
    const attack = (): Promise<Figures> =>
      this.attacker.ask({ ask: 'attack', what, address }, seconds + PATIENCE);
    const startedMs = performance.now();
    const seen = [await attack()];
    while (performance.now() - startedMs < leastMs) {
      await this.attacker.ask({ ask: 'release' }, PATIENCE);
      await pause(REST_MS);
      seen.push(await attack());
    }
    await whileHeld();
    await this.attacker.ask({ ask: 'release' }, PATIENCE);
    return { seen, ends: undefined };
  }

  close(): void {
    for (const child of [this.attacker, this.good, this.target]) child.end();
  }
}

/** A client is under attack; the good calls are its own, on a channel to a good server. */
export class ClientScene implements Scene {
  readonly target: Child;
  private readonly server: Child;
  private readonly context: RowContext;
  private readonly plan: FloodPlan;
  private readonly load: VictimLoad;
  private readonly pem: Pem | undefined;

  constructor(plan: FloodPlan, context: RowContext) {
    if (plan.load === undefined) throw new Error(`row ${plan.row} has no load for its client`);
    this.pem = pemOf(plan, context);
    this.plan = plan;
    this.load = plan.load;
    this.context = context;
    this.target = new Child('victim-process.js');
    this.server = new Child('target-process.js');
  }

  async open(): Promise<void> {
    const port = await serveOn(this.server, 'sluice', DEFAULT_SERVE, this.pem);
    const { runtime } = this.context;
    await this.target.ask({ ask: 'connect', runtime, good: trusting(port, this.pem) }, PATIENCE);
  }

  async warmUp(): Promise<void> {
    await this.target.ask({ ask: 'warm', inFlight: WARM_IN_FLIGHT, ms: WARM_MS }, PATIENCE);
  }

  async startGood(): Promise<void> {
    await this.target.ask({ ask: 'start good', rps: GOOD_RPS }, PATIENCE);
  }

  stopGood(): Promise<GoodFigures> {
    return this.target.ask({ ask: 'stop good' }, PATIENCE);
  }

  /** A hostile server of its own for each attack: it is gone when the attack is over. */
  async attack(
    what: AttackName,
    seconds: number,
    _leastMs: number,
    whileHeld: () => Promise<void>,
  ): Promise<Attacked> {
    const attacker = new Child('attacker-process.js');
    try {
      const { certificate } = this.context;
      const tls = this.plan.tls ? certificate : undefined;
      const { port } = await attacker.ask<{ port: number }>({ ask: 'listen', what, tls }, PATIENCE);
      const plan = { ...trusting(port, this.pem) };
      const { runtime } = this.context;
      await this.target.ask({ ask: 'start calls', runtime, plan, load: this.load }, PATIENCE);
      await pause(seconds * 1000);
      await whileHeld();
      const patience = PATIENCE + this.load.timeoutMs / 1000;
      const ends = await this.target.ask<VictimEnds>({ ask: 'stop calls' }, patience);
      return { seen: [await attacker.ask<Figures>({ ask: 'seen' }, PATIENCE)], ends };
    } finally {
      attacker.end();
    }
  }

  close(): void {
    for (const child of [this.server, this.target]) child.end();
  }
}

export function beginAt(child: Child): Promise<unknown> {
  resetPeak(child.pid);
  return child.ask({ ask: 'begin' }, PATIENCE);
}

/** With the peak of RSS in bytes. */
export async function readAt(child: Child): Promise<TargetReading & { readonly peak: number }> {
  const reading = await child.ask<TargetReading>({ ask: 'read' }, PATIENCE);
  return { ...reading, peak: peakOf(child.pid) ?? reading.rssSeen };
}

export function settleAt(child: Child): Promise<Settled> {
  return child.ask({ ask: 'settle' }, PATIENCE);
}
