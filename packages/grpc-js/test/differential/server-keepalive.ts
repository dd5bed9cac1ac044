// Keepalive, age and idleness of a server's connections, as a client sees them that reads frames and
// answers pings, or does not. gRFC A9. What happens is seen, and in which order, not how fast; ages
// are varied by chance, so that of those only bounds are.

import type * as grpcJs from '@grpc/grpc-js';
import { FRAME, FramePeer } from '../support/frame-peer.ts';
import { framed } from '../support/http2-caller.ts';
import {
  bidi,
  type Grpc,
  listening,
  Seen,
  serverStream,
  unary,
  within,
} from '../support/text-server.ts';
import type { Observation } from './observation.ts';
import { soon } from './one-call.ts';

const ECHO = '/test.Alive/Echo';
const HELD = '/test.Alive/Held';
const BOTH = '/test.Alive/Both';

const TIME = 'grpc.keepalive_time_ms';
const TIMEOUT = 'grpc.keepalive_timeout_ms';
const AGE = 'grpc.max_connection_age_ms';
const GRACE = 'grpc.max_connection_age_grace_ms';
const IDLE = 'grpc.max_connection_idle_ms';

class Stage {
  readonly peer: FramePeer;
  /** What the handler of a held call heard. */
  readonly heard: string[] = [];
  release: () => void = () => {};
  private readonly server: grpcJs.Server;

  private constructor(server: grpcJs.Server, port: number) {
    this.server = server;
    this.peer = FramePeer.connect(port);
  }

  static async of(grpc: Grpc, options: grpcJs.ServerOptions): Promise<Stage> {
    const server = new grpc.Server(options);
    const stage = new Stage(server, await listening(grpc, server));
    unary(server, ECHO, (call, callback) => callback(null, call.request));
    serverStream(server, HELD, (call) => {
      for (const name of ['cancelled', 'error']) call.on(name, () => stage.heard.push(name));
      stage.release = () => call.end();
      call.write('begun');
    });
    bidi(server, BOTH, (call) => {
      for (const name of ['cancelled', 'error', 'end', 'close']) {
        call.on(name, () => stage.heard.push(name));
      }
      call.on('data', () => {});
      call.write('begun');
    });
    return stage;
  }

  /** Sends a request and waits for the first frame of data of its response. */
  async begin(stream: number, path: string, isLast = true): Promise<boolean> {
    if (isLast) this.peer.request(stream, path, framed('x'));
    else this.peer.request(stream, path);
    return await soon(() => this.of(stream, FRAME.data) > 0);
  }

  /** Whether a response has ended, and how. */
  async ended(stream: number): Promise<string> {
    const end = (): string => {
      if (this.of(stream, FRAME.reset) > 0) return 'reset';
      const heads = this.peer.frames.filter(
        (frame) => frame.stream === stream && frame.type === FRAME.headers,
      );
      return heads.some((frame) => (frame.flags & 1) !== 0) ? 'trailers' : '';
    };
    await soon(() => end() !== '' || this.peer.isClosed, 3_000);
    return end() === '' ? 'nothing' : end();
  }

  goneAway(): Promise<boolean> {
    return soon(() => this.peer.goAways.length > 0, 3_000);
  }

  /** The codes that the server gave for going away. */
  codes(): unknown[] {
    return [...new Set(this.peer.goAways)];
  }

  closed(): Promise<boolean> {
    return soon(() => this.peer.isClosed, 3_000);
  }

  private of(stream: number, type: number): number {
    return this.peer.frames.filter((frame) => frame.stream === stream && frame.type === type)
      .length;
  }

  end(): void {
    this.peer.close();
    this.server.forceShutdown();
  }
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  await Promise.all([
    seePings(grpc, seen),
    seeSilence(grpc, seen),
    seeTimes(grpc, seen),
    seePingsOfClients(grpc, seen),
    seeAge(grpc, seen),
    seeGrace(grpc, seen),
    seeIdle(grpc, seen),
  ]);
  return seen.all;
}

async function seePings(grpc: Grpc, seen: Seen): Promise<void> {
  const idle = await Stage.of(grpc, { [TIME]: 200 });
  await idle.begin(1, ECHO);
  seen.see('without calls: pings', await soon(() => idle.peer.pings.length >= 3));
  const { pings, openedMs } = idle.peer;
  seen.see(
    'without calls: not more often than asked for',
    pings.every((at, i) => at - (pings[i - 1] ?? openedMs) > 150),
  );
  seen.see('without calls: the connection stays', [idle.peer.isClosed, idle.codes()]);
  idle.end();
  const fresh = await Stage.of(grpc, { [TIME]: 200 });
  seen.see('no call at all: pings', await soon(() => fresh.peer.pings.length >= 2));
  fresh.end();
  const usual = await Stage.of(grpc, {});
  await usual.begin(1, HELD);
  await within(new Promise(() => {}), 400);
  seen.see('nothing asked for: pings', usual.peer.pings.length);
  usual.end();
}

async function seeSilence(grpc: Grpc, seen: Seen): Promise<void> {
  const stage = await Stage.of(grpc, { [TIME]: 200, [TIMEOUT]: 200 });
  stage.peer.answersPings = false;
  seen.see('silence: a call', await stage.begin(1, BOTH, false));
  seen.see('silence: the connection ends', await stage.closed());
  seen.see('silence: pings', stage.peer.pings.length);
  seen.see('silence: the handler is told', [
    await soon(() => stage.heard.includes('close')),
    stage.heard.includes('cancelled'),
  ]);
  stage.end();
  const quiet = await Stage.of(grpc, { [TIME]: 200, [TIMEOUT]: 200 });
  quiet.peer.answersPings = false;
  await quiet.begin(1, ECHO);
  seen.see('silence without calls: the connection ends', await quiet.closed());
  quiet.end();
}

const TIMES: readonly [name: string, value: unknown][] = [
  ['0', 0],
  ['-1', -1],
  ['text', '200'],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['2 ** 31', 2 ** 31],
  ['null', null],
  ['1', 1],
];

async function seeTimes(grpc: Grpc, seen: Seen): Promise<void> {
  await Promise.all(
    TIMES.map(async ([name, value]) => {
      // Whatever programs without types may give.
      const time = await Stage.of(grpc, { [TIME]: value } as grpcJs.ServerOptions);
      const idle = await Stage.of(grpc, { [IDLE]: value } as grpcJs.ServerOptions);
      const age = await Stage.of(grpc, { [AGE]: value } as grpcJs.ServerOptions);
      for (const stage of [time, idle, age]) {
        // What chance makes of them in the original is not the same twice.
        if (stage === age && ['2 ** 31', 'text'].includes(name)) continue;
        const goes = stage === time ? 0 : 1;
        await soon(() => stage.peer.pings.length + stage.peer.goAways.length > 0, 700);
        const kind = ['keepalive time', 'idle time', 'age'][[time, idle, age].indexOf(stage)];
        seen.see(
          `${kind} of ${name}`,
          goes === 0 ? stage.peer.pings.length > 0 : stage.peer.goAways.length > 0,
        );
        stage.end();
      }
    }),
  );
}

async function seePingsOfClients(grpc: Grpc, seen: Seen): Promise<void> {
  const stage = await Stage.of(grpc, {});
  await stage.begin(1, HELD);
  for (let i = 0; i < 30; i += 1) stage.peer.ping();
  const answered = await soon(() => stage.peer.count(FRAME.ping) >= 30);
  seen.see('30 pings at once', [answered, stage.codes(), stage.peer.isClosed]);
  seen.see('30 pings at once: a call', await stage.begin(3, ECHO));
  stage.end();
}

async function seeAge(grpc: Grpc, seen: Seen): Promise<void> {
  const idle = await Stage.of(grpc, { [AGE]: 400 });
  await idle.begin(1, ECHO);
  seen.see('age: GOAWAY', await idle.goneAway());
  seen.see('age: its code', idle.codes());
  seen.see('age: the connection ends', await idle.closed());
  idle.end();

  const busy = await Stage.of(grpc, { [AGE]: 400 });
  await busy.begin(1, HELD);
  seen.see('age with a call: GOAWAY', await busy.goneAway());
  await within(new Promise(() => {}), 300);
  seen.see('age with a call: it goes on', [busy.peer.isClosed, busy.heard.length]);
  busy.release();
  seen.see('age with a call: it ends', await busy.ended(1));
  seen.see('age with a call: the connection ends', await busy.closed());
  busy.end();
}

async function seeGrace(grpc: Grpc, seen: Seen): Promise<void> {
  const stage = await Stage.of(grpc, { [AGE]: 400, [GRACE]: 300 });
  await stage.begin(1, BOTH, false);
  seen.see('grace: GOAWAY', await stage.goneAway());
  seen.see('grace: the connection ends', await stage.closed());
  seen.see('grace: the handler is told', [
    await soon(() => stage.heard.includes('close')),
    stage.heard.includes('cancelled'),
  ]);
  stage.end();
  const alone = await Stage.of(grpc, { [GRACE]: 100 });
  await alone.begin(1, ECHO);
  await within(new Promise(() => {}), 500);
  seen.see('grace without age', [alone.codes(), alone.peer.isClosed]);
  alone.end();
}

async function seeIdle(grpc: Grpc, seen: Seen): Promise<void> {
  const never = await Stage.of(grpc, { [IDLE]: 300 });
  seen.see('idle, no call at all: GOAWAY', await never.goneAway());
  seen.see('idle, no call at all: the connection ends', await never.closed());
  never.end();

  const stage = await Stage.of(grpc, { [IDLE]: 300 });
  await stage.begin(1, HELD);
  await within(new Promise(() => {}), 800);
  seen.see('idle: not with a call', [stage.codes(), stage.peer.isClosed]);
  stage.release();
  const endedMs = performance.now();
  seen.see('idle: the call ends', await stage.ended(1));
  seen.see('idle: GOAWAY', await stage.goneAway());
  seen.see('idle: counted from the end of the call', performance.now() - endedMs > 250);
  seen.see('idle: its code', stage.codes());
  seen.see('idle: the connection ends', await stage.closed());
  stage.end();

  const kept = await Stage.of(grpc, { [IDLE]: 600 });
  let streams = 0;
  for (let i = 0; i < 10; i += 1) {
    if (await kept.begin(2 * i + 1, ECHO)) streams += 1;
    await within(new Promise(() => {}), 100);
  }
  seen.see('idle: calls keep it', [streams, kept.codes()]);
  kept.end();
}
