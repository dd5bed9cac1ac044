// Calls that a channel creates, driven without a client: what happens when, and what is left out.

import type { InterceptingListener, Metadata, StatusObject } from '@grpc/grpc-js';
import {
  clientOf,
  decode,
  encode,
  type Grpc,
  PATHS,
  pause,
  startServer,
  statusOf,
  visible,
} from './client-peer.ts';
import type { Observation } from './observation.ts';

type Call = ReturnType<import('@grpc/grpc-js').ChannelInterface['createCall']>;

interface Hand {
  readonly grpc: Grpc;
  readonly call: Call;
  readonly listener: InterceptingListener;
  readonly events: unknown[];
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const channel = clientOf(grpc, port).getChannel();
  const seen: Observation[] = [];
  for (const [name, drive] of Object.entries(DRIVES)) {
    const events: unknown[] = [];
    const call = channel.createCall(PATHS.unary, Number.POSITIVE_INFINITY, null, null, null);
    const listener = {
      onReceiveMetadata: (metadata: Metadata) => events.push(['metadata', visible(metadata)]),
      onReceiveMessage: (message: Buffer) => events.push(['message', decode(message).text]),
      onReceiveStatus: (status: StatusObject) => events.push(['status', statusOf(status)]),
    };
    drive({ grpc, call, events, listener });
    await pause(80);
    seen.push({ name, value: events });
  }
  return seen;
}

function begin({ call, grpc, listener }: Hand): void {
  call.start(new grpc.Metadata(), listener);
}

function send({ call, events }: Hand, order: object): void {
  call.sendMessageWithContext({ callback: () => events.push('written') }, encode(order));
}

const DRIVES: Record<string, (hand: Hand) => void> = {
  everything: (hand) => {
    begin(hand);
    hand.call.startRead();
    send(hand, { text: 'a' });
    hand.call.halfClose();
  },
  'asked for its message later': (hand) => {
    begin(hand);
    send(hand, { text: 'a' });
    hand.call.halfClose();
    setTimeout(() => {
      hand.events.push('read');
      hand.call.startRead();
    }, 40);
  },
  'never asked for its message': (hand) => {
    begin(hand);
    send(hand, { text: 'a' });
    hand.call.halfClose();
  },
  'an error that nobody asked for': (hand) => {
    begin(hand);
    send(hand, { code: 5, details: 'gone' });
    hand.call.halfClose();
  },
  'cancelled before its start': (hand) => {
    hand.call.cancelWithStatus(5, 'early');
    begin(hand);
  },
  'cancelled after its start': (hand) => {
    begin(hand);
    hand.call.cancelWithStatus(5, 'late');
    hand.events.push('returned');
  },
  'cancelled twice': (hand) => {
    begin(hand);
    hand.call.cancelWithStatus(5, 'first');
    hand.call.cancelWithStatus(6, 'second');
  },
  'its peer': (hand) => {
    const peer = (): string => hand.call.getPeer().replace(/\d+$/, 'PORT');
    hand.events.push(peer());
    begin(hand);
    hand.call.startRead();
    send(hand, { text: 'a' });
    hand.call.halfClose();
    setTimeout(() => hand.events.push(peer(), hand.call.getAuthContext()), 50);
  },
};
