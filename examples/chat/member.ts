// A member of the chat example, with a connection of its own, as it would have in its own program.
// It prints what it hears.

import { connect, createClient, Metadata, Outbox, StatusError } from 'sluice';
import { ChatService } from './gen/chat_pb.ts';

/** Somebody in the room. */
export interface Member {
  /** Resolves when the room has let the member in. */
  readonly entered: Promise<void>;
  /** Resolves when there is room to say more. */
  say(text: string): Promise<void>;
  /** Resolves when the member has heard this: `Ada: Good morning`. */
  hears(line: string): Promise<void>;
  /** Resolves when the room has let the member go. */
  leave(): Promise<void>;
}

/** Enters the room. */
export function join(target: string, name: string): Member {
  const channel = connect(target);
  const chat = createClient(ChatService, channel);
  const saying = new Outbox<{ text: string }>();
  const heard: string[] = [];
  const checks = new Set<() => void>();

  let onHeader = (): void => {};
  const entered = new Promise<void>((resolve) => {
    onHeader = resolve;
  });

  async function listen(): Promise<void> {
    const metadata = new Metadata({ name });
    for await (const { from, text } of chat.join(saying, { metadata, onHeader })) {
      console.log(`${name} hears: ${from}: ${text}`);
      heard.push(`${from}: ${text}`);
      for (const check of checks) check();
    }
  }
  const listening = listen();

  return {
    entered,

    async say(text) {
      if (!saying.send({ text })) await saying.ready();
    },

    hears(line) {
      return new Promise((resolve) => {
        const check = (): void => {
          if (heard.includes(line)) resolve();
        };
        checks.add(check);
        check();
      });
    },

    async leave() {
      saying.end();
      await listening;
      await channel.close();
    },
  };
}

/**
 * Enters the room and falls asleep.
 * @param woken when it goes on reading
 * @returns how that ends
 */
export async function sleep(target: string, name: string, woken: Promise<void>): Promise<string> {
  const channel = connect(target);
  const saying = new Outbox<{ text: string }>();
  const metadata = new Metadata({ name });
  const messages = createClient(ChatService, channel).join(saying, { metadata });
  await woken;
  let count = 0;
  try {
    for await (const _ of messages) count += 1;
    return 'was not missed';
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return `has ${count > 0 ? 'some' : 'no'} messages, then: ${error.message}`;
  } finally {
    await channel.close();
  }
}
