// Connections of this process whose stream ids do not begin at 1, and which ids they used: 2^30
// calls would take days. No runtime has an option for it; each is caught where it assigns ids.
// Invariant: nothing else of a connection changes; the ids told are those that went on the wire.
// RFC 9113 §5.1.1.

import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { RuntimeName } from '../report.ts';

export interface IdsOfConnection {
  readonly first: number;
  readonly last: number;
  readonly streams: number;
}

const used: { first: number; last: number; streams: number }[] = [];

/** The ids of each connection on which there was a call, in the order of their first calls. */
export function idsUsed(): readonly IdsOfConnection[] {
  return used;
}

function record(): (id: number) => void {
  let entry: { first: number; last: number; streams: number } | undefined;
  return (id) => {
    if (entry === undefined) {
      entry = { first: id, last: id, streams: 0 };
      used.push(entry);
    }
    entry.last = Math.max(entry.last, id);
    entry.streams += 1;
  };
}

/** The n-th connection of this process begins with the n-th id; those after them with 1. */
export async function startIdsAt(runtime: RuntimeName, firstIds: readonly number[]): Promise<void> {
  if (runtime === 'sluice') await startSluiceAt([...firstIds]);
  else startHttp2At([...firstIds]);
}

/** What is used of the class that assigns ids; nothing a program could import. */
interface ClientTransportModule {
  readonly ClientTransport: { readonly prototype: { claimId(stream: unknown): number } };
}

async function startSluiceAt(firstIds: number[]): Promise<void> {
  // Beside the file that `sluice` is, so that it is the same class.
  const file = new URL('./transport/client-transport.js', import.meta.resolve('sluice'));
  // Foreign: an inner file of another package.
  const { ClientTransport } = (await import(file.href)) as ClientTransportModule;
  const recorders = new WeakMap<object, (id: number) => void>();
  const { claimId } = ClientTransport.prototype;
  ClientTransport.prototype.claimId = function (stream): number {
    let note = recorders.get(this);
    if (note === undefined) {
      note = record();
      recorders.set(this, note);
      const first = firstIds.shift();
      // A private field: to be near the end of the ids is nothing a program could ask for.
      if (first !== undefined) {
        if (!Reflect.has(this, 'nextId')) throw new Error('ClientTransport has no nextId any more');
        Reflect.set(this, 'nextId', first);
      }
    }
    const id = claimId.call(this, stream);
    if (id !== 0) note(id);
    return id;
  };
}

/** Tells the id of a stream when it has one: at once where its session is connected. */
export function onId(stream: ClientHttp2Stream, note: (id: number) => void): void {
  const known = stream.id;
  if (known !== undefined) note(known);
  else stream.once('ready', () => note(stream.id ?? 0));
}

/** The session must be connected. */
export function setNextStreamId(session: ClientHttp2Session, id: number): void {
  // Known to Node, not to its types of version 20.
  const set: unknown = Reflect.get(session, 'setNextStreamID');
  if (typeof set !== 'function') throw new Error('node:http2 has no setNextStreamID here');
  set.call(session, id);
}

function startHttp2At(firstIds: number[]): void {
  // The object that grpc-js asks with each connection.
  const { connect } = http2;
  http2.connect = (...args: unknown[]): ClientHttp2Session => {
    // Passed on as they came: the overloads of `connect` are its own matter.
    const session: ClientHttp2Session = Reflect.apply(connect, http2, args);
    const first = firstIds.shift();
    if (first !== undefined) session.once('connect', () => setNextStreamId(session, first));
    const note = record();
    const { request } = session;
    session.request = (headers, options) => {
      const stream = request.call(session, headers, options);
      onId(stream, note);
      return stream;
    };
    return session;
  };
}
