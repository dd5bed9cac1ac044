// What a network or a broken peer may do to the frames of a connection: flip, drop, repeat, cut and
// invent them; and peers that speak nothing else.

import { Flags } from '#sluice/frames/flags.js';
import { FrameType } from '#sluice/frames/frame-type.js';
import type { Meddle, SimulatedSocket } from '../support/simulated-network.js';
import type { Dice } from './dice.js';
import { pathOf, SERVICES } from './messages.js';

const HEADER = 9;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEADER);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A field block of literals without indexing. */
function block(...fields: readonly (readonly [string, string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    parts.push(Buffer.from([0, name.length]), Buffer.from(name));
    parts.push(Buffer.from([value.length]), Buffer.from(value));
  }
  return Buffer.concat(parts);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function noise(dice: Dice, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => dice.int(256)));
}

function requestBlock(dice: Dice): Buffer {
  const path = pathOf(
    dice.pick('model.Plain', ...SERVICES),
    dice.pick('unary', 'serverStreaming', 'clientStreaming', 'bidiStreaming'),
    dice.chance(0.5),
  );
  return block(
    [':method', dice.chance(0.95) ? 'POST' : 'GET'],
    [':scheme', 'http'],
    [':path', dice.chance(0.9) ? path : '/x'],
    [':authority', 'mad'],
    ['content-type', dice.chance(0.95) ? 'application/grpc' : 'text/html'],
    ['te', 'trailers'],
    ['grpc-timeout', dice.pick('1S', '20m', '0n', 'x')],
    ['grpc-encoding', dice.pick('identity', 'gzip', 'model', 'unheard-of')],
  );
}

function responseBlock(dice: Dice): Buffer {
  return block(
    [':status', dice.pick('200', '200', '200', '503', '100')],
    ['content-type', 'application/grpc'],
    ['grpc-encoding', dice.pick('identity', 'gzip', 'model', 'unheard-of')],
    ...(dice.chance(0.3) ? ([['grpc-status', dice.pick('0', '14', '99')]] as const) : []),
  );
}

function dataPayload(dice: Dice): Buffer {
  const message = noise(dice, dice.size(200));
  const length = dice.chance(0.8) ? message.length : dice.size(2 ** 31);
  return Buffer.concat([Buffer.from([dice.pick(0, 0, 1, 7)]), uint32(length), message]);
}

/** Any frame at all, mostly well formed. */
export function randomFrame(dice: Dice, fromServer: boolean): Buffer {
  const stream = dice.pick(1, 1, 3, 5, 7, 9, 11, 13, 0, 2, 2_001);
  const end = dice.chance(0.4) ? Flags.END_STREAM : 0;
  switch (dice.int(12)) {
    case 0:
      return frame(FrameType.DATA, end, stream, dataPayload(dice));
    case 1:
    case 2: {
      const fields = fromServer ? responseBlock(dice) : requestBlock(dice);
      return frame(FrameType.HEADERS, end | Flags.END_HEADERS, stream, fields);
    }
    case 3:
      return frame(FrameType.RST_STREAM, 0, stream, uint32(dice.pick(0, 2, 7, 8, 11, 999)));
    case 4: {
      const settings = Buffer.alloc(6);
      settings.writeUInt16BE(dice.pick(1, 3, 4, 5, 6, 99), 0);
      settings.writeUInt32BE(dice.pick(0, 1, 100, 16_384, 65_535, 2 ** 31), 2);
      return frame(FrameType.SETTINGS, 0, 0, settings);
    }
    case 5:
      return frame(FrameType.SETTINGS, Flags.ACK, 0, Buffer.alloc(0));
    case 6:
      return frame(FrameType.PING, dice.pick(0, Flags.ACK), 0, noise(dice, 8));
    case 7:
      return frame(
        FrameType.GOAWAY,
        0,
        0,
        Buffer.concat([uint32(dice.pick(0, 1, 5, 2 ** 31 - 1)), uint32(dice.pick(0, 2, 11))]),
      );
    case 8:
      return frame(
        FrameType.WINDOW_UPDATE,
        0,
        stream,
        uint32(dice.pick(0, 1, 1_000, 65_535, 2 ** 31 - 1)),
      );
    case 9:
      return frame(FrameType.CONTINUATION, Flags.END_HEADERS, stream, noise(dice, dice.int(20)));
    case 10:
      return frame(dice.int(14), dice.int(256), stream, noise(dice, dice.int(40)));
    default:
      return noise(dice, 1 + dice.int(40));
  }
}

function framesOf(chunk: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let at = 0;
  if (chunk.toString('latin1', 0, PREFACE.length) === PREFACE) {
    at = PREFACE.length;
    frames.push(chunk.subarray(0, at));
  }
  while (at + HEADER <= chunk.length) {
    const end = at + HEADER + chunk.readUIntBE(at, 3);
    if (end > chunk.length) break;
    frames.push(chunk.subarray(at, end));
    at = end;
  }
  if (at < chunk.length) frames.push(chunk.subarray(at));
  return frames;
}

/** Does something to so many frames of what one end writes. */
export function frameFaults(dice: Dice, rate: number, fromServer: boolean): Meddle {
  return (chunk) => {
    const out: Buffer[] = [];
    for (const one of framesOf(chunk)) {
      if (!dice.chance(rate)) {
        out.push(one);
        continue;
      }
      switch (dice.int(6)) {
        case 0:
          break;
        case 1:
          out.push(one, one);
          break;
        case 2:
          out.push(one, randomFrame(dice, fromServer));
          break;
        case 3:
          out.push(randomFrame(dice, fromServer), one);
          break;
        case 4:
          out.push(one.subarray(0, dice.int(one.length)));
          break;
        default: {
          const flipped = Buffer.from(one);
          const at = dice.int(flipped.length);
          flipped[at] = (flipped[at] ?? 0) ^ (1 << dice.int(8));
          out.push(flipped);
        }
      }
    }
    return out;
  };
}

/** Speaks to `socket` whatever comes into its mind, for a while. */
export function madPeer(socket: SimulatedSocket, dice: Dice, isServer: boolean): void {
  let left = 5 + dice.int(40);
  socket.on('error', () => {});
  if (!isServer) socket.write(PREFACE);
  if (dice.chance(0.9)) {
    socket.write(frame(FrameType.SETTINGS, 0, 0, Buffer.alloc(0)));
    socket.write(frame(FrameType.SETTINGS, Flags.ACK, 0, Buffer.alloc(0)));
  }
  const speak = (): void => {
    if (socket.destroyed || !socket.writable || left <= 0) return;
    left -= 1;
    socket.write(randomFrame(dice, isServer));
    if (dice.chance(0.02)) socket.end();
    if (dice.chance(0.02)) socket.destroy();
  };
  socket.on('data', () => {
    for (let frames = dice.int(4); frames > 0; frames -= 1) speak();
  });
  speak();
}
