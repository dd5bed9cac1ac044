// What an attack is: a function that runs in the attacker's process, named by its row's file.
// Invariant: an attack ends by itself, bounded in count and in time.

import { pathToFileURL } from 'node:url';
import type { Figures } from './report.ts';
import type { Address, RawPeer } from './wire/raw-peer.ts';

/** Against a server: connects as often as it likes; answers with what it saw. */
export type Attack = (address: Address) => Promise<Figures>;

/**
 * Against a client: what a hostile server does with each connection it accepted; `seen` is shared by
 * all of them and answered at the end. Nothing was sent yet: `peer.greet()` opens the connection.
 */
export type Hostility = (peer: RawPeer, seen: Figures) => Promise<void>;

/** What the module of a row exports beside its rows. */
export interface AttackModule {
  readonly attacks?: Readonly<Record<string, Attack>>;
  readonly hostilities?: Readonly<Record<string, Hostility>>;
}

/** Which function of which row: what a parent sends to the attacker's process. */
export interface AttackName {
  /** `import.meta.url` of the row's file. */
  readonly module: string;
  readonly name: string;
}

/** @throws Error where a row names what its file does not have */
export async function attackOf({ module, name }: AttackName): Promise<Attack> {
  const found = (await load(module)).attacks?.[name];
  if (found === undefined) throw new Error(`${module} has no attack called ${name}`);
  return found;
}

/** @throws Error where a row names what its file does not have */
export async function hostilityOf({ module, name }: AttackName): Promise<Hostility> {
  const found = (await load(module)).hostilities?.[name];
  if (found === undefined) throw new Error(`${module} has no hostility called ${name}`);
  return found;
}

function load(module: string): Promise<AttackModule> {
  // A file of this package, named by another process of the same build.
  const url = module.startsWith('file:') ? module : pathToFileURL(module).href;
  return import(url) as Promise<AttackModule>;
}
