// What the keys of `sluice top` mean: bytes of a terminal in raw mode as actions. Pure.
// Invariant: what is not a key of ours is nothing. ECMA-48, CSI; xterm's cursor keys in both modes.

/** What the user asks for. */
export type Action = 'quit' | 'up' | 'down' | 'sort' | 'pause' | 'help';

const KEYS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['q', 'quit'],
  ['\u0003', 'quit'],
  ['\u0004', 'quit'],
  ['k', 'up'],
  ['\u001b[A', 'up'],
  ['\u001bOA', 'up'],
  ['j', 'down'],
  ['\u001b[B', 'down'],
  ['\u001bOB', 'down'],
  ['s', 'sort'],
  ['p', 'pause'],
  [' ', 'pause'],
  ['?', 'help'],
  ['h', 'help'],
]);

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal sends
const KEY = /\u001b\[[0-9;]*[@-~]|\u001bO[A-Za-z]|[\s\S]/g;

/** The actions of what the terminal sent, in order. */
export function actionsOf(text: string): Action[] {
  const actions: Action[] = [];
  for (const [key] of text.matchAll(KEY)) {
    const action = KEYS.get(key);
    if (action !== undefined) actions.push(action);
  }
  return actions;
}
