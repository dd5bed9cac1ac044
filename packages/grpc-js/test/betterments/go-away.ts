// GOAWAY in the middle of calls: those that the server took are answered where they are, all others on the
// next connection, and the caller hears of none of it (RFC 9113 §6.8).

import { constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { answer, bytes, listen, PATH } from './peer.ts';
import { type Grpc, main, type Verdict } from './program.ts';

/** How one first connection goes away; every later one answers all that it is asked. */
interface Scenario {
  readonly name: string;
  /** Calls made before GOAWAY, and in the turn that sends it. */
  readonly calls: number;
  readonly late: number;
  /** Streams that the first connection allows. */
  readonly streams: number;
  /** Streams that it takes: GOAWAY names the last of them. */
  readonly taken: number;
  readonly code: number;
}

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = constants;

const SCENARIOS: readonly Scenario[] = [
  { name: 'sent', calls: 20, late: 0, streams: 100, taken: 5, code: NGHTTP2_NO_ERROR },
  { name: 'crossing', calls: 5, late: 20, streams: 100, taken: 5, code: NGHTTP2_NO_ERROR },
  { name: 'waiting', calls: 50, late: 0, streams: 5, taken: 5, code: NGHTTP2_NO_ERROR },
  { name: 'both', calls: 20, late: 20, streams: 100, taken: 1, code: NGHTTP2_NO_ERROR },
  { name: 'fault', calls: 20, late: 0, streams: 100, taken: 5, code: NGHTTP2_INTERNAL_ERROR },
  { name: 'calm', calls: 20, late: 20, streams: 100, taken: 5, code: NGHTTP2_ENHANCE_YOUR_CALM },
];

/** Calls that did not end with OK, by their code and details. */
type Lost = Record<string, number>;

async function run(grpc: Grpc, scenario: Scenario): Promise<Lost> {
  const { calls, late, streams, taken, code } = scenario;
  const server: Http2Server = createServer({ settings: { maxConcurrentStreams: streams } });
  const arrived: ServerHttp2Stream[] = [];
  let sessions = 0;
  let goAway = (): void => {};
  server.on('session', (session) => {
    const isFirst = ++sessions === 1;
    session.on('error', () => {});
    session.on('stream', (stream) => {
      stream.on('error', () => {});
      if (!isFirst) return answer(stream, Buffer.from('next'));
      arrived.push(stream);
      if (arrived.length === Math.min(calls, streams)) goAway();
    });
  });
  const port = await listen(server);
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const lost: Lost = {};
  let open = calls + late;
  await new Promise<void>((resolve) => {
    const count = (error: { readonly code: number; readonly details: string } | null): void => {
      if (error !== null) {
        const text = `${error.code} ${error.details}`;
        lost[text] = (lost[text] ?? 0) + 1;
      }
      open -= 1;
      if (open === 0) resolve();
    };
    const call = (): void => {
      const options = { deadline: Date.now() + 5_000 };
      client.makeUnaryRequest(PATH, bytes, bytes, Buffer.from('request'), options, count);
    };
    goAway = () => {
      const kept = arrived.slice(0, taken);
      const session = arrived[0]?.session;
      if (session === undefined) throw new Error('no session');
      session.goaway(code, kept.at(-1)?.id);
      for (let i = 0; i < late; i += 1) call();
      setImmediate(() => {
        for (const stream of kept) answer(stream, Buffer.from('first'));
      });
    };
    for (let i = 0; i < calls; i += 1) call();
  });
  client.close();
  server.close();
  return lost;
}

async function prove(grpc: Grpc): Promise<Verdict> {
  const seen: Record<string, Lost> = {};
  for (const scenario of SCENARIOS) seen[scenario.name] = await run(grpc, scenario);
  return { holds: Object.values(seen).every((lost) => Object.keys(lost).length === 0), seen };
}

main(prove);
