// Makes two hosts, says their names, and waits to be killed. Ends with its parent.

import { Hosts } from '../../dist/hosts/hosts.js';

async function main(): Promise<void> {
  const { server, client } = await Hosts.make({ lossPercent: 0 });
  process.stdout.write(`${server.name} ${client.name}\n`);
  process.on('disconnect', () => process.exit(0));
}

void main();
