// The numbers of channelz (gRFC A14) by the objects that programs hold, and its answers without a server
// that serves them.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createClient } from '#sluice/api/client.js';
import {
  addChannelz,
  Channelz,
  channelzHandlers,
  channelzIdOf,
} from '#sluice/services/channelz.js';
import { Running } from '../support/running.js';

const running = new Running();

afterEach(() => running.end());

describe('the number of what a program holds', () => {
  it('is that of its channel', async () => {
    const server = running.server();
    addChannelz(server);
    const channel = await running.channelTo(server);
    const id = channelzIdOf(channel);
    const { channel: found } = await createClient(Channelz, channel).getChannel({ channelId: id });
    assert.equal(found?.data?.target, channel.target);
  });

  it('is that of its server, from before it listens', async () => {
    const server = running.server();
    const id = channelzIdOf(server);
    addChannelz(server);
    const client = createClient(Channelz, await running.channelTo(server));
    const { server: found } = await client.getServer({ serverId: id });
    assert.equal(found?.ref?.serverId, id);
    const { server: all } = await client.getServers({ startServerId: id, maxResults: 1n });
    assert.equal(all[0]?.ref?.serverId, id);
    const { socketRef } = await client.getServerSockets({ serverId: id });
    assert.equal(socketRef.length, 1);
  });

  it('is one for each object, and no other has it', () => {
    const one = {};
    assert.equal(channelzIdOf(one), channelzIdOf(one));
    assert.notEqual(channelzIdOf(one), channelzIdOf({}));
  });
});

describe('the handlers of channelz', () => {
  it('are there for whoever serves them otherwise', () => {
    assert.deepEqual(
      Object.keys(channelzHandlers).sort(),
      Channelz.methods.map(({ localName }) => localName).sort(),
    );
  });
});
