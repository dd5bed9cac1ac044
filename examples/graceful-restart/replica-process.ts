// A replica of the graceful-restart example: node replica-process.js NAME VERSION PORT. It tells the
// process that started it the port it listens on.
// Everything about a graceful end is in the last line of `main`: from the first SIGTERM on, clients
// are told to send new calls elsewhere, those that are open are finished, and the process ends.

import { setTimeout } from 'node:timers/promises';
import { createServer } from 'sluice';
import { addHealth } from 'sluice/health';
import { ReportService } from './gen/report_pb.ts';

async function main(name = '', version = '', port = '0'): Promise<void> {
  const server = createServer().add(ReportService, {
    async getReport({ customer }) {
      await setTimeout(100);
      return { text: `report of ${customer}`, replica: name, version };
    },
  });
  addHealth(server, { services: [ReportService] });
  server.onDraining(() => {
    const open = server.stats().limits.handlers?.depth;
    console.log(`${name} ${version}: told to end, finishes ${open} calls`);
  });
  const address = await server.listen({ host: '127.0.0.1', port: Number(port) });
  process.send?.(address.port);
  await server.drainOn(['SIGTERM'], { graceMs: 10_000 });
}

void main(...process.argv.slice(2));
