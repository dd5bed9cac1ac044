// Runs the chat example: one room, three members, each waiting for the others as people would; then
// one who does not listen.

import { join, type Member, sleep } from './member.ts';
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

  await ada.say('Is everybody here?');
  const question = 'Ada: Is everybody here?';
  await Promise.all([bob.hears(question), cleo.hears(question)]);
  await Promise.all([bob.say('I am.'), cleo.say('So am I.')]);
  await Promise.all([ada.hears('Bob: I am.'), ada.hears('Cleo: So am I.')]);

  await Promise.all([bob.leave(), cleo.leave()]);
  await Promise.all([ada.hears('Bob: (leaves)'), ada.hears('Cleo: (leaves)')]);

  const gone = ada.hears('Dora: (leaves)');
  const dora = sleep(target, 'Dora', gone);
  await ada.hears('Dora: (joins)');
  await talkUntil(gone, ada);
  console.log(`Dora ${await dora}`);

  await ada.leave();
  await server.drain();
  console.log('the room is empty');
}

async function talkUntil(done: Promise<void>, member: Member): Promise<void> {
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  while (!isDone) await member.say('Are you awake? '.repeat(100));
}

void main();
