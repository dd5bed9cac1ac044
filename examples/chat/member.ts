// A member of the chat example, with a connection of its own, as it would have in its own program.
// It prints what it hears.

import { connect, createClient, Metadata } from 'sluice';
import { ChatService } from './gen/chat_pb.ts';
import { Mailbox } from './mailbox.ts';

/** Somebody in the room. */
export interface Member {
  /** Resolves when the room has let the member in. */
  readonly entered: Promise<void>;
  say(text: string): void;
  /** Resolves when somebody has said this. */
  hears(text: string): Promise<void>;
  /** Resolves when the room has let the member go. */
  leave(): Promise<void>;
}

/** Enters the room. */
export function join(target: string, name: string): Member {
  const channel = connect(target);
  const chat = createClient(ChatService, channel);
  const saying = new Mailbox<{ text: string }>();
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
      heard.push(text);
      for (const check of checks) check();
    }
  }
  const listening = listen();

  return {
    entered,

    say(text) {
      saying.post({ text });
    },

    hears(text) {
      return new Promise((resolve) => {
        const check = (): void => {
          if (heard.includes(text)) resolve();
        };
        checks.add(check);
        check();
      });
    },

    async leave() {
      saying.close();
      await listening;
      await channel.close();
    },
  };
}
