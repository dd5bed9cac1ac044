// Runs the chat example: one room, three members, each waiting for the others as people would.

import { join } from './member.ts';
import { chatServer } from './server.ts';

async function main(): Promise<void> {
  const server = chatServer();
  const { port } = await server.listen({ host: '127.0.0.1' });
  const target = `127.0.0.1:${port}`;

  const ada = join(target, 'Ada');
  // Whoever comes next is heard only by those who are in the room already.
  await ada.entered;
  const bob = join(target, 'Bob');
  await bob.entered;
  const cleo = join(target, 'Cleo');
  await cleo.entered;

  ada.say('Is everybody here?');
  await Promise.all([bob.hears('Is everybody here?'), cleo.hears('Is everybody here?')]);
  bob.say('I am.');
  cleo.say('So am I.');
  await Promise.all([ada.hears('I am.'), ada.hears('So am I.')]);

  await ada.leave();
  await Promise.all([bob.hears('(leaves)'), cleo.hears('(leaves)')]);
  await Promise.all([bob.leave(), cleo.leave()]);
  await server.drain();
  console.log('the room is empty');
}

void main();
