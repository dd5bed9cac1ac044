// The five fuzzers, in the order in which they run. Their shares add up to 1: conversations are dearer
// than the codecs by an order of magnitude and more.

import { conversation } from './conversation.js';
import { frames } from './frames.js';
import { headerLists } from './header-lists.js';
import { hpack } from './hpack.js';
import { messageFraming } from './message-framing.js';
import type { Target } from './target.js';

export const TARGETS: readonly Target[] = [
  frames,
  hpack,
  messageFraming,
  headerLists,
  conversation,
];

/** @throws RangeError that names those there are */
export function targetOf(name: string): Target {
  const target = TARGETS.find((one) => one.name === name);
  if (target !== undefined) return target;
  throw new RangeError(
    `no target "${name}"; there are ${TARGETS.map((one) => one.name).join(', ')}`,
  );
}
