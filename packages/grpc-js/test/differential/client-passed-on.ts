// What a program still hears of a stream that fails, when it listens late or passes messages on: the
// messages that came before the error, and the error itself, all of which one read may bring.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import type { Client, ClientUnaryCall, Interceptor, StatusObject } from '@grpc/grpc-js';
import {
  type Answer,
  clientOf,
  decode,
  encode,
  type Grpc,
  type Order,
  PATHS,
  pause,
  startServer,
} from './client-peer.ts';
import type { Observation } from './observation.ts';

// Longer than the server takes for a call.
const HELD_MS = 40;

// Longer than the end of a call that has begun takes.
const MISSED_MS = 500;

const FAILING: Order = { count: 3, code: 7, details: 'no', header: 'h' };

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const client = clientOf(grpc, await inOnePiece(await startServer()));
  const seen: Observation[] = [];
  for (const [kind, start] of Object.entries({ 'server stream': serverStream, bidi })) {
    for (const [what, run] of Object.entries({ passedOn, passedOnFarther, heardLate })) {
      seen.push({ name: `${kind}: ${what}`, value: await run(start(client)) });
    }
  }
  for (const [kind, start] of Object.entries({ unary, intercepted, clientStream })) {
    for (const order of [
      { text: 'a', header: 'h' },
      { code: 7, header: 'h' },
    ]) {
      const name = `${kind}: ${order.code === undefined ? 'status' : 'failure'} heard late`;
      seen.push({ name, value: await statusHeardLate(start(client, order, grpc)) });
    }
  }
  client.close();
  return seen;
}

/** A port behind which is the server, whose answers arrive all at once. */
function inOnePiece(port: number): Promise<number> {
  const relay = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far);
    let held: Buffer[] = [];
    far.on('data', (chunk: Buffer) => {
      if (held.push(chunk) > 1) return;
      setTimeout(() => {
        near.write(Buffer.concat(held));
        held = [];
      }, HELD_MS);
    });
    far.on('close', () => near.destroy());
  });
  return new Promise((resolve) => {
    relay.listen(0, '127.0.0.1', () => resolve((relay.address() as AddressInfo).port));
  });
}

function serverStream(client: Client): Readable {
  return client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, FAILING);
}

function bidi(client: Client): Readable {
  const call = client.makeBidiStreamRequest<Order, Answer>(PATHS.bidi, encode, decode);
  call.write({ text: 'a', header: 'h' });
  call.write({ text: 'b' });
  call.write({ code: 7, details: 'no' });
  return call;
}

function ignore(): void {}

function unary(client: Client, order: Order): ClientUnaryCall {
  return client.makeUnaryRequest(PATHS.unary, encode, decode, order, ignore);
}

function intercepted(client: Client, order: Order, grpc: Grpc): ClientUnaryCall {
  const interceptors: Interceptor[] = [
    (options, nextCall) => new grpc.InterceptingCall(nextCall(options)),
  ];
  return client.makeUnaryRequest(PATHS.unary, encode, decode, order, { interceptors }, ignore);
}

function clientStream(client: Client, order: Order): ClientUnaryCall {
  const call = client.makeClientStreamRequest(PATHS.client, encode, decode, ignore);
  call.end(order);
  return call;
}

async function statusHeardLate(call: ClientUnaryCall): Promise<unknown> {
  const missed = pause(MISSED_MS).then(() => 'not heard');
  const heard = once(call, 'metadata').then(
    () => new Promise((resolve) => call.on('status', ({ code }: StatusObject) => resolve(code))),
  );
  return await Promise.race([heard, missed]);
}

/** As retry-request does it: on from the headers, and destroyed with the error. */
function passedOn(call: Readable): Promise<unknown> {
  return through(call, 1);
}

function passedOnFarther(call: Readable): Promise<unknown> {
  return through(call, 4);
}

async function through(call: Readable, more: number): Promise<unknown> {
  const first = call.pipe(new PassThrough({ objectMode: true }));
  const last = new PassThrough({ objectMode: true });
  call.on('metadata', () => {
    let end: Readable = first;
    for (let step = 1; step < more; step += 1)
      end = end.pipe(new PassThrough({ objectMode: true }));
    end.pipe(last);
    call.on('error', (error) => last.destroy(error));
  });
  const texts: string[] = [];
  try {
    for await (const { text } of last) texts.push(text);
    return texts;
  } catch (error) {
    return { texts, code: (error as { readonly code: number }).code };
  }
}

/** Once the headers are there, in a turn of its own. */
async function heardLate(call: Readable): Promise<unknown> {
  await once(call, 'metadata');
  const texts: string[] = [];
  call.on('data', ({ text }: Answer) => texts.push(text));
  const [error] = await once(call, 'error').catch((thrown: unknown) => [thrown]);
  return { texts, code: (error as { readonly code: number }).code };
}
