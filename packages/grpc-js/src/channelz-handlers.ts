// The answers of the channelz service: Sluice's own, under the names that this package gives, together
// with what programs registered.
// Invariants: a channel for which channelz is off is not shown; of two pages that follow each other
// none leaves out what was there all the time.
// gRFC A14. Not here: registered entities (channelz-registry.ts), Sluice's answers (sluice/channelz).

import { sluiceChannelz } from './channelz-definition.ts';
import { entryMessage, socketRefs } from './channelz-entry.ts';
import type { ChannelzHandlers } from './channelz-messages.ts';
import {
  type Entry,
  isHidden,
  registered,
  registeredOf,
  type ServerInfo,
  shownName,
} from './channelz-registry.ts';
import { EntityTypes } from './channelz-trackers.ts';
import { Status } from './constants.ts';
import { fromLoader, type LoaderMessage, toLoader } from './loader-messages.ts';
import type { sendUnaryData } from './server-call.ts';

/** The most entries of a page, and how many there are where the request does not say. */
const MAX_PAGE = 100;

interface ChannelzCall {
  readonly request: object;
}

type Handler = (call: ChannelzCall, callback: sendUnaryData<LoaderMessage>) => void;

let handlers: ChannelzHandlers | undefined;

/** What answers the calls of the service. */
export function channelzHandlers(): ChannelzHandlers {
  handlers ??= makeHandlers();
  return handlers;
}

function makeHandlers(): ChannelzHandlers {
  const all: Readonly<Record<string, Handler>> = {
    GetChannel: one(EntityTypes.channel),
    GetServer: one(EntityTypes.server),
    GetSocket: one(EntityTypes.socket),
    GetSubchannel: one(EntityTypes.subchannel),
    GetTopChannels: many('GetTopChannels', EntityTypes.channel),
    GetServers: many('GetServers', EntityTypes.server),
    GetServerSockets: answering(serverSockets),
  };
  // Their messages are those of the descriptors, which no type of theirs says.
  return all as unknown as ChannelzHandlers;
}

/** There is nothing of that number. */
class NotFound extends Error {
  readonly code: Status = Status.NOT_FOUND;
  readonly details: string;

  constructor(kind: EntityTypes, id: number) {
    super(`No ${kind} data found for id ${id}`);
    this.details = this.message;
  }
}

function answering(answer: (request: object) => LoaderMessage): Handler {
  return ({ request }, callback) => {
    let message: LoaderMessage;
    try {
      message = answer(request);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    callback(null, message);
  };
}

function one(kind: EntityTypes): Handler {
  const method = `Get${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`;
  return answering((request) => {
    const id = numberIn(request, `${kind}_id`);
    const entry = registered(kind, id);
    if (entry !== undefined) return { [kind]: entryMessage(entry) };
    if (isHidden(id)) throw new NotFound(kind, id);
    let answer: LoaderMessage;
    try {
      answer = askSluice(method, request);
    } catch {
      throw new NotFound(kind, id);
    }
    if (kind === EntityTypes.channel) rename(answer[kind]);
    return answer;
  });
}

function many(method: string, kind: EntityTypes.channel | EntityTypes.server): Handler {
  return answering((request) => {
    const answer = askSluice(method, request);
    const own = listIn(answer, kind).filter((item) => !isHidden(idOf(item)));
    if (kind === EntityTypes.channel) for (const item of own) rename(item);
    const others = registeredOf(kind).map(entryMessage);
    const start = numberIn(request, `start_${kind}_id`);
    return pageOf(kind, [...own, ...others], start, request, answer);
  });
}

function serverSockets(request: object): LoaderMessage {
  const id = numberIn(request, 'server_id');
  const entry = registered(EntityTypes.server, id);
  const start = numberIn(request, 'start_socket_id');
  if (entry !== undefined) return pageOf('socket_ref', sessionsOf(entry), start, request, {});
  if (isHidden(id)) throw new NotFound(EntityTypes.server, id);
  try {
    return askSluice('GetServerSockets', request);
  } catch {
    throw new NotFound(EntityTypes.server, id);
  }
}

function sessionsOf(entry: Entry): object[] {
  // Only servers are asked.
  return socketRefs((entry.getInfo() as ServerInfo).sessionChildren);
}

function pageOf(
  name: string,
  all: readonly object[],
  start: number,
  request: object,
  answer: LoaderMessage,
): LoaderMessage {
  const asked = numberIn(request, 'max_results');
  const size = asked === 0 || asked > MAX_PAGE ? MAX_PAGE : asked;
  const later = all.filter((item) => idOf(item) >= start).sort((a, b) => idOf(a) - idOf(b));
  const end = answer.end !== false && later.length <= size;
  return { [name]: later.slice(0, size), end };
}

// Sluice's handlers answer at once and do not look at the context of the call.
function askSluice(method: string, request: object): LoaderMessage {
  const { Channelz, channelzHandlers: answers } = sluiceChannelz();
  const described = Channelz.methods.find(({ name }) => name === method);
  if (described === undefined) throw new TypeError(`channelz has no method ${method}`);
  const answer: unknown = Reflect.get(answers, described.localName);
  if (typeof answer !== 'function') throw new TypeError(`channelz does not answer ${method}`);
  const { input, output } = described;
  const whole = { ...zeros(input.fields), ...fromLoader(input, request) };
  // A message of the method's, or what one is made of.
  return toLoader(output, answer(whole) as object);
}

// Fields that a request leaves out.
function zeros(fields: readonly { readonly localName: string }[]): LoaderMessage {
  const request: LoaderMessage = {};
  for (const { localName } of fields) request[localName] = localName === 'summary' ? false : 0n;
  return request;
}

// Messages, by the keys that all of them have.

function numberIn(shape: object, key: string): number {
  return Number(Reflect.get(shape, key) ?? 0);
}

function listIn(shape: LoaderMessage, key: string): object[] {
  const list = shape[key];
  return Array.isArray(list) ? list : [];
}

function refIn(item: object): object {
  const ref: unknown = Reflect.get(item, 'ref');
  return typeof ref === 'object' && ref !== null ? ref : item;
}

function idOf(item: object): number {
  const ref = refIn(item);
  for (const key of ID_KEYS) if (key in ref) return numberIn(ref, key);
  return 0;
}

const ID_KEYS: readonly string[] = ['channel_id', 'server_id', 'socket_id', 'subchannel_id'];

function rename(item: unknown): void {
  if (typeof item !== 'object' || item === null) return;
  const ref = refIn(item);
  const name = shownName(idOf(ref));
  if (name === undefined) return;
  Reflect.set(ref, 'name', name);
  const data: unknown = Reflect.get(item, 'data');
  if (typeof data === 'object' && data !== null && 'target' in data) data.target = name;
}
