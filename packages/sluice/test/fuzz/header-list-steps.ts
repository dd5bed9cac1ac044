// What the header-lists fuzzer is fed with: lists that begin as those of a good request, response or
// trailers and are then spoiled in a few places, and texts for the small codecs.

import type { Dice } from '../model/dice.js';
import { noise } from './frame-steps.js';
import type { Argument, Step, Transcript } from './transcript.js';

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

const NAMES: readonly string[] = [
  ':method',
  ':path',
  ':scheme',
  ':authority',
  ':status',
  ':protocol',
  ':',
  '',
  'host',
  'te',
  'content-type',
  'content-length',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'trailer',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-status',
  'grpc-message',
  'grpc-message-type',
  'grpc-status-details-bin',
  'grpc-retry-pushback-ms',
  'grpc-previous-rpc-attempts',
  'grpc-tags-bin',
  'user-agent',
  'x-a',
  'X-Upper',
  'x-bin',
  '-bin',
  'x y',
  'x_y.z-1',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'x\u00e9',
  'x\0',
];

const VALUES: readonly string[] = [
  '',
  'POST',
  'GET',
  'HEAD',
  '/',
  '//',
  '/a',
  '/a/b',
  '/a//b',
  '/a/../b',
  '/a/./b',
  '/a/b/',
  '/a/b/..',
  'a/b',
  '*',
  'trailers',
  'gzip',
  'identity, gzip ,deflate,,br',
  'application/grpc',
  'application/grpc+proto',
  'Application/gRPC; charset=utf-8',
  'application/grpc-web',
  'application/grpc ;x',
  'text/plain',
  '200',
  '100',
  '099',
  '1000',
  '2OO',
  '0',
  '7',
  '16',
  '17',
  '00',
  '-1',
  '1S',
  '99999999H',
  '100000000n',
  'S',
  '1 S',
  '0n',
  'AAAA',
  'AA==',
  'AA=',
  'A',
  'AAA,BBBB, CC==',
  'AA,A',
  ',',
  '%41%zz%e2%82%ac%',
  '%ff%fe',
  ' padded\t',
  'line\r\nbreak',
  'nul\0',
  'caf\u00e9 \u20ac',
  '__proto__',
];

export function generateHeaderLists(dice: Dice): Transcript {
  const steps: Step[] = [];
  for (let left = 1 + dice.int(2); left > 0; left--) steps.push(stepOf(dice));
  return steps;
}

function stepOf(dice: Dice): Step {
  const kind = dice.int(16);
  if (kind < 5) return ['request', ...spoiled(dice, REQUEST)];
  if (kind < 7) return ['response', ...spoiled(dice, RESPONSE)];
  if (kind < 9) return ['trailers', ...spoiled(dice, ['grpc-status', String(dice.int(20))])];
  if (kind < 11) return ['metadata', ...metadataOf(dice)];
  if (kind < 12)
    return [
      'timeout',
      someValue(dice),
      dice.pick(dice.int(20), dice.random() * 12, 10 ** (dice.random() * 16), -1, Number.MAX_VALUE),
    ];
  if (kind < 14) return ['message', dice.chance(0.3) ? textOf(dice, 0x1_0000) : textOf(dice, 256)];
  return [
    'base64',
    dice.chance(0.5) ? noise(dice, 12).toString('base64').slice(0, dice.int(17)) : someValue(dice),
    noise(dice, 20),
  ];
}

function spoiled(dice: Dice, good: readonly string[]): string[] {
  const fields = dice.chance(0.03) ? [] : [...good];
  for (let left = dice.int(4); left > 0; left--) {
    const at = dice.int(fields.length / 2 + 1) * 2;
    switch (dice.int(5)) {
      case 0:
        fields.splice(at, 2);
        break;
      case 1:
        if (at + 1 < fields.length) fields[at + 1] = someValue(dice);
        break;
      case 2:
        fields.push(fields[at] ?? 'x-a', fields[at + 1] ?? '1');
        break;
      default:
        fields.splice(dice.chance(0.6) ? fields.length : at, 0, someName(dice), someValue(dice));
    }
  }
  return fields;
}

function metadataOf(dice: Dice): Argument[] {
  const fields: Argument[] = [];
  for (let left = dice.int(5); left > 0; left--) {
    const key = dice.chance(0.5) ? dice.pick('x-a', 'x-b', 'x-c-bin', 'X-D-Bin') : someName(dice);
    const isBytes = key.toLowerCase().endsWith('-bin') !== dice.chance(0.1);
    fields.push(key, isBytes ? noise(dice, 12) : someValue(dice));
  }
  return fields;
}

function someName(dice: Dice): string {
  return dice.chance(0.9) ? (dice.among(NAMES) ?? '') : textOf(dice, 256);
}

function someValue(dice: Dice): string {
  return dice.chance(0.8) ? (dice.among(VALUES) ?? '') : textOf(dice, 256);
}

/** A short text of UTF-16 units below `range`; half of them printable, with escapes among them. */
function textOf(dice: Dice, range: number): string {
  let text = '';
  for (let left = dice.int(10); left > 0; left--) {
    const choice = dice.int(4);
    if (choice === 0) text += String.fromCharCode(dice.int(range));
    else if (choice === 1) text += `%${dice.int(256).toString(16)}`;
    else text += String.fromCharCode(32 + dice.int(95));
  }
  return text;
}
