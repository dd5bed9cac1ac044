// What tests over real sockets share: a channel and servers that are closed at the end, the error
// of a call, and events as promises.

import assert from 'node:assert/strict';
import { mock } from 'node:test';
import {
  type Channel,
  type ChannelOptions,
  connect,
  createServer,
  type Server,
  type ServerOptions,
  StatusError,
} from '#sluice/index.js';
import { processHold } from '#sluice/transport/process-hold.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';

// The machine of a test run is busy with others: no deadline is to tell of that.
mock.method(processWheel.stalls, 'within', () => undefined);

/** The StatusError that a call ends with; fails when it ends otherwise. */
export async function failureOf(call: Promise<unknown>): Promise<StatusError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  assert.fail('the call ended with OK');
}

/** All messages of a stream, as text. */
export async function textsOf(stream: AsyncIterable<Buffer>): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of stream) texts.push(String(message));
  return texts;
}

/** All messages of a stream. */
export async function messagesOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

/** A promise and its resolve. */
export interface Signal<T = void> {
  readonly happened: Promise<T>;
  readonly raise: (value: T) => void;
}

/** Something that happens once. */
export function signal<T = void>(): Signal<T> {
  let raise: (value: T) => void = () => {};
  const happened = new Promise<T>((resolve) => {
    raise = resolve;
  });
  return { happened, raise };
}

/** Servers and channels of one test. */
export class Running {
  private readonly channels: Channel[] = [];
  private readonly servers: Server[] = [];

  server(options?: ServerOptions): Server {
    const server = createServer(options);
    this.servers.push(server);
    return server;
  }

  /** A server that keeps what its handlers threw. */
  recording(): { server: Server; errors: [string, unknown][] } {
    const errors: [string, unknown][] = [];
    const onHandlerError = (error: unknown, path: string): void => {
      errors.push([path, error]);
    };
    return { server: this.server({ onHandlerError }), errors };
  }

  channel(target: string | readonly string[], options?: ChannelOptions): Channel {
    const channel = connect(target, options);
    this.channels.push(channel);
    return channel;
  }

  /** A listening server's channel. */
  async channelTo(server: Server, options?: ChannelOptions): Promise<Channel> {
    const { port } = await server.listen({ host: '127.0.0.1' });
    return this.channel(`127.0.0.1:${port}`, options);
  }

  /** Closes all, channels first; nothing may be left: no stream, handler, call, socket, timer or hold. */
  async end(): Promise<void> {
    for (const channel of this.channels) {
      const { waitingCalls, limits } = channel.stats();
      assert.equal(waitingCalls, 0, 'calls left waiting');
      assert.equal(limits['open-calls']?.depth ?? 0, 0, 'calls left open');
    }
    await Promise.all(this.channels.splice(0).map((channel) => channel.close()));
    for (const server of this.servers.splice(0)) {
      await server.close();
      assert.deepEqual(server.stats().connections, []);
    }
    assert.equal(processWheel.size, 0, 'timers left behind');
    assert.equal(processHold.size, 0, 'the process is held for somebody who does not wait');
  }
}
