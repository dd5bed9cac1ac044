// Channelz of this package: what 1.14.7 cannot be compared with, which are figures of Sluice's.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  Client,
  credentials,
  getChannelzHandlers,
  getChannelzServiceDefinition,
  Server,
  ServerCredentials,
  type UntypedServiceImplementation,
} from '@sluice/grpc-js';
import {
  ChannelzTrace,
  registerChannelzChannel,
  unregisterChannelzRef,
} from '@sluice/grpc-js/build/src/channelz';

const bytes = (value: Buffer): Buffer => value;

interface Named {
  readonly ref?: { readonly name?: string; readonly channel_id?: string };
}

async function withServer(act: (client: Client, server: Server) => Promise<void>): Promise<void> {
  const server = new Server();
  server.addService(
    getChannelzServiceDefinition(),
    getChannelzHandlers() as UntypedServiceImplementation,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    await act(client, server);
  } finally {
    client.close();
    server.forceShutdown();
  }
}

function ask(client: Client, name: string, request: object): Promise<Record<string, unknown>> {
  const method = getChannelzServiceDefinition()[name];
  assert.ok(method !== undefined);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      (error, reply) => (error === null ? resolve({ ...reply }) : reject(error)),
    );
  });
}

describe('channelz', () => {
  it('shows the sockets of a channel with the figures of Sluice', () =>
    withServer(async (client) => {
      const { id } = client.getChannel().getChannelzRef();
      const { channel } = await ask(client, 'GetChannel', { channel_id: id });
      const [subchannel] = (channel as { subchannel_ref: { subchannel_id: string }[] })
        .subchannel_ref;
      const shown = await ask(client, 'GetSubchannel', { ...subchannel });
      const { socket_ref: sockets } = shown.subchannel as { socket_ref: object[] };
      const { socket } = await ask(client, 'GetSocket', { ...sockets[0] });
      const { data } = socket as { data: { option: { name: string }[] } };
      assert.ok(data.option.some(({ name }) => name === 'streams.open'));
    }));

  it('shows a channel under the target that it was given', () =>
    withServer(async (client) => {
      const { id, name } = client.getChannel().getChannelzRef();
      assert.equal(`dns:${name}`, client.getChannel().getTarget());
      const { channel } = await ask(client, 'GetTopChannels', { start_channel_id: id });
      const found = (channel as Named[]).find(({ ref }) => ref?.channel_id === String(id));
      assert.equal(found?.ref?.name, name);
    }));

  it('goes on past a page with what a program registered', () =>
    withServer(async (client) => {
      const info = {
        target: 't',
        state: 0,
        trace: new ChannelzTrace(),
        callTracker: {
          callsStarted: 0,
          callsSucceeded: 0,
          callsFailed: 0,
          lastCallStartedTimestamp: null,
          addCallStarted: () => {},
          addCallSucceeded: () => {},
          addCallFailed: () => {},
        },
        children: { channels: new Map(), subchannels: new Map(), sockets: new Map() },
      };
      const refs = Array.from({ length: 150 }, (_, at) =>
        registerChannelzChannel(`registered ${at}`, () => info, true),
      );
      const names: (string | undefined)[] = [];
      let start = refs[0]?.id ?? 0;
      for (let end = false; !end; ) {
        const page = await ask(client, 'GetTopChannels', { start_channel_id: start });
        const channels = page.channel as Named[];
        assert.ok(channels.length <= 100);
        names.push(...channels.map(({ ref }) => ref?.name));
        start = Number(channels.at(-1)?.ref?.channel_id) + 1;
        end = page.end === true;
      }
      for (const ref of refs) unregisterChannelzRef(ref);
      assert.deepEqual(
        names.filter((name) => name?.startsWith('registered ')),
        refs.map(({ name }) => name),
      );
    }));

  it('has servers by the reference that they have from the beginning', () =>
    withServer(async (client, server) => {
      const { id } = server.getChannelzRef();
      const answer = await ask(client, 'GetServer', { server_id: id });
      assert.equal((answer.server as { ref: { server_id: string } }).ref.server_id, String(id));
    }));

  it('does not read ahead of what a message has', () => {
    const method = getChannelzServiceDefinition().GetChannel;
    assert.throws(() => method?.requestDeserialize(bytes(Buffer.from('08', 'hex'))));
  });
});
