// Keepalive of clients, as a peer sees it that reads frames and answers pings, or does not: when pings
// come, what silence does to calls, and what "too many pings" changes. gRFC A8.
// How many pings there are depends on the machine's speed: seen is whether there are any, and that
// they are not too close to each other.

import type { Client, ClientOptions } from '@grpc/grpc-js';
import { FRAME, FramePeer, listenForClients } from '../support/frame-peer.ts';
import {
  type Answer,
  decode,
  encode,
  framed,
  type Grpc,
  Log,
  type Order,
  pause,
  textOf,
} from './client-peer.ts';
import type { Observation } from './observation.ts';
import { endOf, soon } from './one-call.ts';

const TIME = 'grpc.keepalive_time_ms';
const TIMEOUT = 'grpc.keepalive_timeout_ms';
const WITHOUT_CALLS = 'grpc.keepalive_permit_without_calls';
const LOCAL = { 'grpc.use_local_subchannel_pool': 1 };

const HELD = '/test.Orders/Held';
const ENHANCE_YOUR_CALM = 11;
const ANSWER = framed(encode({ text: 'a' }));

interface Stage {
  readonly client: Client;
  readonly peers: FramePeer[];
  /** The connection that was made last. */
  readonly peer: () => FramePeer;
  readonly end: () => void;
}

/** A client, and a server that answers calls whose message is there, but for those to `HELD`. */
async function staged(
  grpc: Grpc,
  options: ClientOptions,
  onPeer: (peer: FramePeer, index: number) => void = () => {},
): Promise<Stage> {
  const peers: FramePeer[] = [];
  const { port, server } = await listenForClients((peer) => {
    peers.push(peer);
    const held = new Set<number>();
    peer.onFrame = ({ type, stream, payload }) => {
      if (type === FRAME.headers && payload.includes('Held')) held.add(stream);
      if (type === FRAME.data && payload.length > 0 && !payload.includes('held')) {
        peer.answer(stream, ANSWER);
      }
    };
    onPeer(peer, peers.length - 1);
  });
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    ...LOCAL,
    ...options,
  });
  return {
    client,
    peers,
    peer: () => peers.at(-1) ?? FramePeer.connect(port),
    end: () => {
      client.close();
      server.close();
      for (const peer of peers) peer.close();
    },
  };
}

/** A stream that stays open. */
function hold(client: Client): Log {
  const log = new Log();
  log.hearAll(
    client.makeServerStreamRequest<Order, Answer>(HELD, encode, decode, { text: 'held' }),
  );
  return log;
}

/** The least time between two pings, or before the first. */
function gap({ pings, openedMs }: FramePeer): number {
  return Math.min(...pings.map((at, i) => at - (pings[i - 1] ?? openedMs)));
}

type See = (name: string, value: unknown) => void;

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const see: See = (name, value) => {
    seen.push({ name, value });
  };
  await Promise.all([
    seePings(grpc, see),
    seeTimes(grpc, see),
    seeSilence(grpc, see),
    seeSilenceWithoutCalls(grpc, see),
    seeTooMany(grpc, see),
  ]);
  return seen;
}

async function seePings(grpc: Grpc, see: See): Promise<void> {
  const none = await staged(grpc, {});
  await endOf(none.client, { text: 'a' });
  hold(none.client);
  const timed = await staged(grpc, { [TIME]: 200 });
  const first = await endOf(timed.client, { text: 'a' });
  await pause(900);
  see('without calls: the call', first);
  see('without calls: pings', timed.peer().pings.length > 0);
  hold(timed.client);
  const came = await soon(() => timed.peer().pings.length >= 3);
  see('an open call: pings', came);
  see('an open call: not more often than asked for', gap(timed.peer()) > 150);
  see('an open call: the connection stays', [timed.peers.length, timed.peer().isClosed]);
  see('an open call: another call', await endOf(timed.client, { text: 'a' }));
  see('no time given: pings', none.peer().pings.length > 0);
  none.end();
  timed.end();

  const idle = await staged(grpc, { [TIME]: 200, [WITHOUT_CALLS]: 1 });
  await endOf(idle.client, { text: 'a' });
  see('permitted without calls: pings', await soon(() => idle.peer().pings.length >= 3));
  see('permitted without calls: not more often than asked for', gap(idle.peer()) > 150);
  see('permitted without calls: goAways', idle.peer().goAways);
  const seenPings = idle.peer().pings.length;
  idle.client.close();
  await pause(500);
  see('closed: the connection ends', [
    idle.peer().isClosed,
    idle.peer().pings.length - seenPings > 1,
  ]);
  idle.end();
}

const TIMES: readonly [name: string, value: unknown][] = [
  ['0', 0],
  ['-1', -1],
  ['text', '200'],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['2 ** 31', 2 ** 31],
  ['not a number', Number.NaN],
  ['null', null],
  ['1', 1],
];

async function seeTimes(grpc: Grpc, see: See): Promise<void> {
  await Promise.all(
    TIMES.map(async ([name, value]) => {
      // Whatever programs without types may give.
      const options = { [TIME]: value, [WITHOUT_CALLS]: 1, [TIMEOUT]: 5_000 } as ClientOptions;
      const stage = await staged(grpc, options);
      const end = await endOf(stage.client, { text: 'a' });
      await soon(() => stage.peer().pings.length > 0, 1_000);
      see(`a time of ${name}`, [end, stage.peer().pings.length > 0, stage.peer().isClosed]);
      stage.end();
    }),
  );
}

async function seeSilence(grpc: Grpc, see: See): Promise<void> {
  const stage = await staged(grpc, { [TIME]: 200, [TIMEOUT]: 200 }, (peer) => {
    peer.answersPings = false;
  });
  const { client } = stage;
  const channel = client.getChannel();
  const log = hold(client);
  const unary = endOf(client, { text: 'held' });
  const events = await log.until('status', 50);
  see('silence: a stream', events);
  const { code, details } = await unary;
  see('silence: a unary call', [code, textOf(details).replace(/;.*$/s, '')]);
  see('silence: pings before it', stage.peer().pings.length);
  see('silence: the connection', await soon(() => stage.peer().isClosed));
  see('silence: goAways', [...new Set(stage.peer().goAways)]);
  const { IDLE, TRANSIENT_FAILURE } = grpc.connectivityState;
  see('silence: the state', [
    channel.getConnectivityState(false) === IDLE,
    channel.getConnectivityState(false) === TRANSIENT_FAILURE,
  ]);
  see('silence: the next call', await endOf(client, { text: 'a' }));
  see('silence: connections', stage.peers.length);
  stage.end();

  const short = await staged(grpc, { [TIME]: 200, [TIMEOUT]: 200 }, (peer) => {
    peer.answersPings = false;
  });
  await endOf(short.client, { text: 'a' });
  await pause(800);
  see('silence after the last call', [short.peer().pings.length, short.peer().isClosed]);
  short.end();
}

async function seeSilenceWithoutCalls(grpc: Grpc, see: See): Promise<void> {
  const options = { [TIME]: 200, [TIMEOUT]: 200, [WITHOUT_CALLS]: 1 };
  const stage = await staged(grpc, options, (peer, index) => {
    peer.answersPings = index > 0;
  });
  await endOf(stage.client, { text: 'a' });
  const channel = stage.client.getChannel();
  const left = await new Promise((resolve) => {
    channel.watchConnectivityState(grpc.connectivityState.READY, Date.now() + 5_000, (error) =>
      resolve(error === undefined),
    );
  });
  see('silence without calls: the state', [
    left,
    channel.getConnectivityState(false) === grpc.connectivityState.IDLE,
  ]);
  see('silence without calls: nobody connects', stage.peers.length);
  see('silence without calls: the next call', await endOf(stage.client, { text: 'a' }));
  see('silence without calls: connections', stage.peers.length);
  stage.end();
}

async function seeTooMany(grpc: Grpc, see: See): Promise<void> {
  const options = { [TIME]: 200, [TIMEOUT]: 1_000, [WITHOUT_CALLS]: 1 };
  const lines: string[] = [];
  const sink = (...texts: unknown[]): void => {
    lines.push(texts.join(' '));
  };
  grpc.setLogger({ error: sink, info: sink, debug: sink });
  grpc.setLogVerbosity(grpc.logVerbosity.ERROR);
  const stage = await staged(grpc, options, (peer, index) => {
    const { onFrame } = peer;
    peer.onFrame = (frame) => {
      onFrame(frame);
      if (index > 0 || frame.type !== FRAME.ping) return;
      peer.goAway(2 ** 31 - 1, ENHANCE_YOUR_CALM, 'too_many_pings');
      peer.close();
    };
  });
  await endOf(stage.client, { text: 'a' });
  await soon(() => stage.peer().isClosed);
  await pause(100);
  see('too many pings: the state', [
    stage.client.getChannel().getConnectivityState(false) === grpc.connectivityState.IDLE,
    stage.peers.length,
  ]);
  see('too many pings: the next call', await endOf(stage.client, { text: 'a' }));
  see('too many pings: pings again', await soon(() => stage.peer().pings.length >= 2));
  see('too many pings: half as often', gap(stage.peer()) > 350);
  see(
    'too many pings: what is logged',
    lines.map((line) => line.replace(/127\.0\.0\.1:\d+/g, 'ADDRESS').replace(/^.*\| /, '')),
  );
  stage.end();
}
