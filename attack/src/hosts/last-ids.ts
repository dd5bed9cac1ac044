// A client of node:http2 that begins a few ids before the last one there is, and uses them all.
// Invariant: it says of each id what came back on it. RFC 9113 §5.1.1: ids end at 2^31-1.
// Not here: clients of a runtime that come near the end (first-ids.ts).

import { type ClientHttp2Session, connect } from 'node:http2';
import { onId, setNextStreamId } from './first-ids.ts';
import { isMessage, messageOf } from './payload.ts';
import { ECHO_PATH } from './traffic.ts';

/** The last id there is, a client's. */
export const LAST_ID = 0x7fff_ffff;

const LENGTH = 64;
const PATIENCE_MS = 5_000;

/** One message, uncompressed: gRPC PROTOCOL-HTTP2.md. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Resolves with what was wrong with the call, or undefined; `idOf` is told its id. */
function call(
  session: ClientHttp2Session,
  number: number,
  idOf: (id: number) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': ECHO_PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status: unknown = 'none';
    stream.setTimeout(PATIENCE_MS, () => stream.close());
    onId(stream, idOf);
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => resolve(error.message));
    stream.on('close', () => {
      const answer = Buffer.concat(chunks).subarray(5);
      if (status !== '0') resolve(`grpc-status ${String(status)}`);
      else resolve(isMessage(answer, number, LENGTH) ? undefined : 'a wrong answer');
    });
    stream.end(framed(messageOf(number, LENGTH)));
  });
}

export interface LastIds {
  /** What went wrong, with its id. */
  readonly faults: readonly string[];
  /** The greatest id that a call went on. */
  readonly last: number;
}

/** @param count calls, one after the other, the last of them on the last id */
export async function useLastIds(target: string, count: number): Promise<LastIds> {
  const session = connect(`http://${target}`);
  const faults: string[] = [];
  let last = 0;
  try {
    session.on('error', (error) => faults.push(`the connection: ${error.message}`));
    await new Promise((resolve, reject) => {
      session.once('remoteSettings', resolve);
      session.once('close', () => reject(new Error('the connection closed')));
    });
    setNextStreamId(session, LAST_ID - 2 * (count - 1));
    for (let i = 0; i < count; i += 1) {
      let id = 0;
      const fault = await call(session, i, (used) => {
        id = used;
        last = Math.max(last, used);
      });
      if (fault !== undefined) faults.push(`stream ${id}: ${fault}`);
    }
    if (session.destroyed) faults.push('the connection closed');
  } catch (fault) {
    faults.push(fault instanceof Error ? fault.message : String(fault));
  } finally {
    session.destroy();
  }
  return { faults, last };
}
