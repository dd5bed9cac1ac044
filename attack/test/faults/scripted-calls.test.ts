// The conversation that rows break at each frame, without a break: on both runtimes it ends as its
// scripts say, and each handler runs once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FOREVER, PLAIN } from '../../dist/faults/call-script.js';
import { CONVERSATION_CALLS, converse } from '../../dist/faults/conversation.js';
import { FaultProxy } from '../../dist/faults/fault-proxy.js';
import { runTogether } from '../../dist/faults/scripted-call.js';
import { connectSubject, type HandlerJournal, serveSubject } from '../../dist/faults/subject.js';

class Journal implements HandlerJournal {
  readonly lines: string[] = [];
  private onOver: (() => void) | undefined;

  began(id: string): void {
    this.lines.push(`+${id}`);
  }

  over(id: string): void {
    this.lines.push(`-${id}`);
    this.onOver?.();
  }

  count(sign: string): number {
    return this.lines.filter((line) => line.startsWith(sign)).length;
  }

  async allOver(): Promise<void> {
    while (this.count('-') < this.count('+')) {
      await new Promise<void>((resolve) => {
        this.onOver = resolve;
      });
    }
  }
}

for (const runtime of ['sluice', 'grpc-js'] as const) {
  describe(`scripted calls of ${runtime}`, () => {
    it('end as their scripts say, each with one handler', async () => {
      const journal = new Journal();
      const server = await serveSubject(runtime, {}, journal);
      const client = await connectSubject(runtime, { port: server.port });
      const records = await converse(client, 'c');
      client.close();
      await server.drain();
      await journal.allOver();
      assert.equal(records.length, CONVERSATION_CALLS);
      for (const record of records) {
        assert.equal(record.ends, 1, record.id);
        assert.equal(record.code, record.expected, `${record.id}: ${record.details}`);
        assert.equal(record.messages, record.expectedMessages, record.id);
        assert.equal(journal.lines.filter((line) => line === `+${record.id}`).length, 1);
      }
    });

    it('end UNAVAILABLE, and their handlers end, when the connection is reset', async () => {
      const journal = new Journal();
      const server = await serveSubject(runtime, {}, journal);
      const proxy = new FaultProxy(server.port);
      const client = await connectSubject(runtime, { port: await proxy.listen() });
      proxy.onConnection = (connection) => {
        connection.breakAtFrame('toServer', 8, 'reset');
      };
      const script = { ...PLAIN, holdMs: FOREVER };
      const records = await runTogether(
        ['a', 'b', 'c', 'd'].map((id) => ({ client, id, script })),
        5_000,
      );
      await journal.allOver();
      client.close();
      await server.drain();
      await proxy.close();
      assert.deepEqual(
        records.map(({ code, ends }) => [code, ends]),
        records.map(() => [14, 1]),
      );
      assert.ok(journal.count('+') > 0);
    });
  });
}
