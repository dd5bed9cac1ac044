// A server that was told to compress does so for clients that take it, and for no others.

import { once } from 'node:events';
import http2 from 'node:http2';
import { gunzipSync } from 'node:zlib';
import type { sendUnaryData } from '@grpc/grpc-js';
import { bytes, framed, PATH, REQUEST } from './peer.ts';
import { type Grpc, main, type Verdict } from './program.ts';

const REPLY = Buffer.alloc(4096, 'reply ');

interface Reply {
  readonly encoding: string | undefined;
  readonly flag: number | undefined;
  readonly message: Buffer;
}

async function ask(session: http2.ClientHttp2Session, accepts: string): Promise<Reply> {
  const stream = session.request({ ...REQUEST, 'grpc-accept-encoding': accepts });
  stream.end(framed(Buffer.from('request')));
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [[headers]] = await Promise.all([
    once(stream, 'response') as Promise<[http2.IncomingHttpHeaders]>,
    once(stream, 'end'),
  ]);
  const body = Buffer.concat(chunks);
  const encoding = headers['grpc-encoding'];
  return {
    encoding: typeof encoding === 'string' ? encoding : undefined,
    flag: body[0],
    message: body.subarray(5),
  };
}

async function prove(grpc: Grpc): Promise<Verdict> {
  const server = new grpc.Server({
    'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
  });
  const method = {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService(
    { call: method },
    {
      call: (_call: unknown, callback: sendUnaryData<Buffer>) => callback(null, REPLY),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const zipped = await ask(session, 'identity,gzip');
  const plain = await ask(session, 'identity');
  session.destroy();
  server.forceShutdown();
  const isZipped = zipped.flag === 1 && zipped.encoding === 'gzip';
  return {
    holds:
      isZipped &&
      gunzipSync(zipped.message).equals(REPLY) &&
      plain.flag === 0 &&
      plain.message.equals(REPLY),
    seen: {
      zipped: { encoding: zipped.encoding, flag: zipped.flag, length: zipped.message.length },
      plain: { encoding: plain.encoding, flag: plain.flag, length: plain.message.length },
    },
  };
}

main(prove);
