// One AbortSignal for many calls.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Status } from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

const running = new Running();
afterEach(() => running.end());

describe('a signal that many calls share', () => {
  it('ends them all, and nobody is warned of its listeners', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on('warning', onWarning);
    const server = running.server().unary('/test.Abort/Hang', () => new Promise<Buffer>(() => {}));
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from({ length: 30 }, () =>
      failureOf(channel.unary('/test.Abort/Hang', Buffer.from('x'), { signal })),
    );
    await channel.ready();
    controller.abort();
    for (const { code } of await Promise.all(calls)) assert.equal(code, Status.CANCELLED);
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });
});
