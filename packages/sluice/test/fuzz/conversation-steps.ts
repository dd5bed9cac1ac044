// What the conversation fuzzer is fed with: mostly calls that go as they should, so that there is
// something to harm, and in between every frame that RFC 9113 knows, on streams that are open, ended or
// idle, with values at their edges. What ends a connection at once is rare: it ends the fuzzing too.

import type { Dice } from '../model/dice.js';
import { noise, settings } from './frame-steps.js';
import type { Step, Transcript } from './transcript.js';

const REQUEST: readonly string[] = [
  ':method',
  'POST',
  ':scheme',
  'http',
  ':path',
  '/shop.Shop/Buy',
  ':authority',
  'test:1',
  'te',
  'trailers',
  'content-type',
  'application/grpc',
];
const RESPONSE: readonly string[] = [':status', '200', 'content-type', 'application/grpc'];
const TRAILERS: readonly string[] = ['grpc-status', '0'];

/** Requests that are not what they should be, each in its way. */
const ODD_REQUESTS: readonly (readonly string[])[] = [
  [],
  [...REQUEST, 'connection', 'close'],
  [...REQUEST, 'X-Upper', '1'],
  [...REQUEST, 'grpc-timeout', '1S'],
  [...REQUEST, 'grpc-timeout', '0n'],
  [...REQUEST, 'grpc-timeout', 'soon'],
  [...REQUEST, 'x-bin', '!'],
  [...REQUEST, '__proto__', 'x'],
  [...REQUEST, 'grpc-encoding', 'gzip'],
  [...REQUEST, 'grpc-encoding', 'gzip', 'grpc-accept-encoding', 'gzip,deflate'],
  [...REQUEST, 'grpc-encoding', 'unheard-of'],
  [...REQUEST, ':path', '/late'],
  [...REQUEST, 'host', 'a', 'host', 'b'],
  [...REQUEST.slice(0, 10), 'content-type', 'text/html'],
  [':method', 'GET', ...REQUEST.slice(2)],
  [':method', 'HEAD', ':scheme', 'http', ':path', '/'],
  [...REQUEST.slice(0, 4), ':path', '/a/../b', ...REQUEST.slice(6)],
  [...REQUEST, 'x-long', 'v'.repeat(17_000)],
];

/** The same of responses. */
const ODD_RESPONSES: readonly (readonly string[])[] = [
  [],
  [...RESPONSE, 'grpc-encoding', 'gzip'],
  [...RESPONSE, 'grpc-encoding', 'unheard-of'],
  [...RESPONSE, 'connection', 'close'],
  [':status', '100'],
  [':status', '101'],
  [':status', '503', 'content-type', 'text/html'],
  [':status', '200'],
  ['grpc-status', '5', 'grpc-message', 'no%20such thing'],
  ['grpc-message', 'no status'],
  ['grpc-status', '99'],
  [...RESPONSE, 'grpc-status', '7'],
  [...RESPONSE, 'x-long', 'v'.repeat(17_000)],
  REQUEST,
];

const WINDOWS = [1, 100, 16_384, 65_535, 100_000, 1_000_000, 2 ** 31 - 65_536] as const;
const FATAL_WINDOWS = [0, 2 ** 31 - 1] as const;
const SETTING_VALUES = [0, 1, 100, 4096, 16_384, 65_535, 65_536, 1_000_000, 2 ** 30] as const;
const TIMES = [1, 8, 100, 1_100, 1_100, 5_000, 10_500, 21_000, 31_000, 7_300_000] as const;

export function generateConversation(dice: Dice): Transcript {
  return new Script(dice).write();
}

class Script {
  private readonly dice: Dice;
  private readonly steps: Step[] = [];
  private readonly isClient: boolean;
  /** Streams opened so far, by whoever opens them. */
  private opened = 0;
  /** How often something is done that nobody in good faith does. */
  private readonly malice: number;

  constructor(dice: Dice) {
    this.dice = dice;
    this.isClient = dice.chance(0.5);
    this.malice = dice.pick(0.02, 0.1, 0.4);
  }

  write(): Transcript {
    const { dice, steps } = this;
    steps.push(this.first());
    if (dice.chance(0.5))
      steps.push(['chunks', dice.int(2 ** 31), dice.pick(1, 5, 40, 400, 20_000)]);
    if (dice.chance(0.4)) steps.push(['policy', 1 + dice.int(2)]);
    if (dice.chance(0.99)) steps.push(['settings', ...this.settings()]);
    if (dice.chance(0.8)) steps.push(['settings-ack']);
    for (let left = dice.size(60); left > 0; left--) {
      if (dice.chance(0.06)) this.repeat();
      else this.step();
    }
    return steps;
  }

  private first(): Step {
    const { dice } = this;
    const limit = (): number => (dice.chance(0.75) ? 0 : dice.int(4));
    const budget = dice.chance(0.1) ? 1 : 0;
    const noPreface = dice.chance(0.01) ? 1 : 0;
    const word = this.isClient ? 'client' : 'server';
    return [word, budget, limit(), limit(), limit(), limit(), limit(), noPreface, dice.int(2)];
  }

  /** The same few steps again and again: floods. */
  private repeat(): void {
    const { dice, steps } = this;
    const from = steps.length;
    if (dice.chance(0.1)) {
      this.flood();
      return;
    }
    this.step();
    this.again(from, dice.size(40));
  }

  /** As much of something cheap as the limits of a connection are made for. */
  private flood(): void {
    const { dice, steps } = this;
    const id = this.id();
    switch (dice.int(6)) {
      case 0:
        for (let i = 90 + dice.int(40); i > 0; i--) steps.push(['data', id, 0, 0, 0]);
        break;
      case 1:
        steps.push(['frame', 1, 0, 2 * this.opened + 1, noise(dice, 4), 0]);
        for (let i = 5 + dice.int(8); i > 0; i--)
          steps.push(['frame', 9, 0, 2 * this.opened + 1, noise(dice, 4), 0]);
        break;
      case 2:
        if (dice.chance(0.7)) steps.push(['stall']);
        for (let i = dice.size(1_200); i > 0; i--) steps.push(['ping', 0, 1]);
        break;
      case 3:
        if (dice.chance(0.7)) steps.push(['stall']);
        for (let i = dice.size(1_200); i > 0; i--) steps.push(['settings', 4, 65_535]);
        break;
      case 4:
        for (let i = dice.size(this.isClient ? 40 : dice.pick(100, 100, 1_200)); i > 0; i--) {
          this.open();
          steps.push(['rst', 2 * this.opened - 1, 8]);
        }
        break;
      default:
        this.control();
        this.again(steps.length - 1, dice.size(1_200));
    }
  }

  private again(from: number, times: number): void {
    const again = this.steps.slice(from);
    for (let i = times; i > 0; i--) this.steps.push(...again);
  }

  private get isMalicious(): boolean {
    return this.dice.chance(this.malice);
  }

  /** A stream that there is or was; seldom another. */
  private id(): number {
    const { dice, opened } = this;
    if (opened > 0 && !dice.chance(this.malice / 8)) {
      return 1 + 2 * (dice.chance(0.5) ? opened - 1 : dice.int(opened));
    }
    return dice.pick(1, 3, 2 * opened + 1, 2, 101, 0, 2 ** 31 - 1, 2 ** 32 - 1);
  }

  private step(): void {
    const { dice, steps } = this;
    const kind = dice.int(20);
    if (this.opened === 0 || kind < 4) this.open();
    else if (kind < 9) this.act();
    else if (kind < 15) this.call();
    else this.control();
    if (dice.chance(0.4))
      steps.push(dice.chance(0.7) ? ['settle'] : dice.pick(['flush'], ['turn']));
  }

  private open(): void {
    const { dice, steps } = this;
    if (this.isClient) {
      const timeout = dice.pick(0, 0, 1_000);
      const bytes = dice.pick(0, 10, 10, 3_000, 70_000);
      steps.push(['open', dice.int(3), timeout, dice.int(4), bytes, dice.int(2)]);
      if (dice.chance(0.9)) steps.push(['settle']);
    } else {
      const list = this.isMalicious ? (dice.among(ODD_REQUESTS) ?? []) : REQUEST;
      steps.push([
        'headers',
        1 + 2 * this.opened,
        dice.chance(0.2) ? 1 : 0,
        ...this.layout(),
        ...list,
      ]);
      if (dice.chance(0.3)) steps.push(this.message(1 + 2 * this.opened, 1));
    }
    this.opened++;
  }

  /** Padding and split of HEADERS. */
  private layout(): [number, number] {
    const { dice } = this;
    return [dice.chance(0.1) ? 1 + dice.int(256) : 0, dice.chance(0.1) ? 16 + dice.int(40) : 0];
  }

  private message(id: number, end: number): Step {
    const { dice } = this;
    const size = dice.pick(0, 1, 30, 30, 1_000, 15_000);
    const padding = dice.chance(0.1) ? 1 + dice.int(256) : 0;
    const beyond = this.isMalicious ? dice.pick(1, 100_000, 2 ** 32 - 1) : 0;
    const flag = this.isMalicious ? dice.int(3) : 0;
    return ['message', id, end, padding, size, beyond, flag, flag > 0 ? dice.int(5) : 0];
  }

  /** What happens on our side, and to the socket. */
  private act(): void {
    const { dice, steps } = this;
    const call = dice.chance(0.5) ? this.opened - 1 : dice.int(this.opened);
    switch (dice.int(11)) {
      case 0:
      case 1:
      case 2:
        steps.push(['read', call, 1 + dice.int(3)]);
        break;
      case 3:
      case 4:
        steps.push(['send', call, dice.pick(0, 5, 100, 3_000, 70_000, 200_000), dice.int(2)]);
        break;
      case 5:
      case 6:
        steps.push(['finish', call, dice.int(2)]);
        break;
      case 7:
        steps.push(dice.pick(['reset', call], ['release', call], ['head', call, 1]));
        break;
      case 8:
        steps.push(['time', dice.pick(...TIMES)]);
        break;
      case 9:
        steps.push(dice.pick(['stall'], ['take', dice.size(100_000)], ['unstall'], ['unstall']));
        break;
      default:
        if (!this.isMalicious) steps.push(['policy', dice.int(3)]);
        else if (dice.chance(0.3))
          steps.push(dice.pick(['fin'], ['break'], ['drain', dice.int(9_000)]));
    }
  }

  /** Frames of calls. */
  private call(): void {
    const { dice, steps } = this;
    const id = this.id();
    switch (dice.int(7)) {
      case 0:
      case 1:
        if (this.isClient) steps.push(['headers', id, 0, ...this.layout(), ...this.response()]);
        else steps.push(this.message(id, 0));
        break;
      case 2:
        if (this.isClient) steps.push(['headers', id, 1, ...this.layout(), ...TRAILERS]);
        else if (this.isMalicious)
          steps.push(['headers', id, dice.int(2), ...this.layout(), 'x-t', '1']);
        else steps.push(['data', id, 1, 0, 0]);
        break;
      case 3:
        if (this.isClient) this.response200(id);
        else
          steps.push([
            'data',
            id,
            0,
            dice.chance(0.2) ? 1 + dice.int(256) : 0,
            dice.pick(0, 1, 5, 100, 16_384),
          ]);
        break;
      case 4:
        if (this.isMalicious)
          steps.push(['data', id, dice.int(2), 0, dice.pick(0, 5, 16_384, 16_385)]);
        else steps.push(['rst', id, dice.pick(0, 2, 7, 8)]);
        break;
      default:
        steps.push(this.message(id, this.isClient || dice.chance(0.7) ? 0 : 1));
    }
  }

  private response(): readonly string[] {
    return this.isMalicious ? (this.dice.among(ODD_RESPONSES) ?? []) : RESPONSE;
  }

  /** A whole answer, at times all of it at once. */
  private response200(id: number): void {
    const { dice, steps } = this;
    steps.push(['headers', id, 0, ...this.layout(), ...this.response()]);
    for (let left = dice.int(3); left > 0; left--) steps.push(this.message(id, 0));
    if (dice.chance(0.3)) steps.push(['settle']);
    steps.push(['headers', id, 1, ...this.layout(), ...TRAILERS]);
  }

  private control(): void {
    const { dice, steps } = this;
    const id = this.id();
    switch (dice.int(10)) {
      case 0:
        steps.push(['settings', ...this.settings()]);
        break;
      case 1:
        steps.push(['settings-ack']);
        break;
      case 2:
        steps.push(['ping', dice.chance(0.7) ? 0 : 1, dice.int(3)]);
        break;
      case 3:
      case 4:
        steps.push(['window', dice.chance(0.4) ? 0 : id, this.increment()]);
        break;
      case 5:
        steps.push(['rst', id, dice.int(15)]);
        break;
      case 6:
        steps.push(['priority', id, this.isMalicious ? id : 1]);
        break;
      case 7:
        if (this.isMalicious)
          steps.push(['goaway', dice.pick(0, id, 2 ** 31 - 1), dice.int(14), noise(dice, 20)]);
        break;
      case 8:
        if (this.isMalicious) this.strange(id);
        break;
      default:
        steps.push(['frame', 10 + dice.int(200), dice.int(256), id, noise(dice, 12), 0]);
    }
  }

  private increment(): number {
    const { dice } = this;
    return this.isMalicious ? dice.pick(...FATAL_WINDOWS) : dice.pick(...WINDOWS);
  }

  private strange(id: number): void {
    const { dice, steps } = this;
    if (dice.chance(0.2)) {
      steps.push(['raw', noise(dice, 30)]);
      return;
    }
    const payload = dice.chance(0.3) ? settings(dice) : noise(dice, 20);
    const lie = dice.chance(0.2) ? dice.pick(1, 20, 17_000) : 0;
    steps.push(['frame', dice.int(10), dice.int(64), id, payload, lie]);
  }

  private settings(): number[] {
    const { dice } = this;
    const entries: number[] = [];
    for (let left = dice.int(3); left > 0; left--) {
      const id = dice.pick(1, 3, 4, 4, 4, 6, 5, 9);
      const isWild = dice.chance(this.malice / 10);
      entries.push(id, id === 5 ? 16_384 : isWild ? 2 ** 31 : dice.pick(...SETTING_VALUES));
    }
    return entries;
  }
}
