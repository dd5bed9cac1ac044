// Checked traffic through @grpc/grpc-js, by its callbacks and streams, with its defaults.
// Not here: what is sent and how it is checked (payload.ts, loads.ts).

import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { bytes, bytesMethod } from '../bytes-method.ts';
import { noteArrival } from './arrivals.ts';
import { isMessage, messageOf } from './payload.ts';
import {
  DOWNLOAD_PATH,
  ECHO_PATH,
  readOrder,
  type TrafficClient,
  type TrafficServer,
  UPLOAD_PATH,
  writeIntake,
} from './traffic.ts';

function download(call: ServerWritableStream<Buffer, Buffer>): void {
  const { length, count, first } = readOrder(call.request);
  let sent = 0;
  const pump = (): void => {
    while (sent < count && !call.cancelled) {
      const message = messageOf(first + sent, length);
      sent += 1;
      if (!call.write(message)) {
        call.once('drain', pump);
        return;
      }
    }
    call.end();
  };
  call.on('error', () => {});
  pump();
}

function upload(call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
  let messages = 0;
  let right = 0;
  let first = 0;
  call.on('data', (message: Buffer) => {
    if (messages === 0) first = message.readUInt32BE(0);
    if (isMessage(message, first + messages, message.length)) right += 1;
    messages += 1;
    noteArrival(message.length);
  });
  call.on('error', () => {});
  call.on('end', () => done(null, writeIntake({ right, messages })));
}

export function serveGrpcJs(host: string): Promise<TrafficServer> {
  const server = new Server();
  server.addService(
    {
      echo: bytesMethod(ECHO_PATH, false, false),
      download: bytesMethod(DOWNLOAD_PATH, false, true),
      upload: bytesMethod(UPLOAD_PATH, true, false),
    },
    {
      echo: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        done(null, call.request),
      download,
      upload,
    },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve({ port });
    });
  });
}

export function connectGrpcJs(target: string): Promise<TrafficClient> {
  const client = new Client(target, credentials.createInsecure());
  const traffic: TrafficClient = {
    unary: (request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(ECHO_PATH, bytes, bytes, request, (error, answer) => {
          if (error !== null) reject(error);
          else resolve(answer ?? Buffer.alloc(0));
        });
      }),
    download: (order, onMessage) =>
      new Promise((resolve, reject) => {
        const call = client.makeServerStreamRequest(DOWNLOAD_PATH, bytes, bytes, order);
        let stopped = false;
        call.on('data', (message: Buffer) => {
          if (stopped || onMessage(message)) return;
          stopped = true;
          call.cancel();
        });
        call.on('error', (error) => {
          if (stopped) resolve();
          else reject(error);
        });
        call.on('status', ({ code }) => {
          if (code === 0) resolve();
        });
      }),
    upload: (next) =>
      new Promise((resolve, reject) => {
        const call = client.makeClientStreamRequest<Buffer, Buffer>(
          UPLOAD_PATH,
          bytes,
          bytes,
          (error, answer) => {
            if (error !== null) reject(error);
            else resolve(answer ?? Buffer.alloc(0));
          },
        );
        const pump = (): void => {
          for (let message = next(); message !== undefined; message = next()) {
            if (!call.write(message)) {
              call.once('drain', pump);
              return;
            }
          }
          call.end();
        };
        pump();
      }),
  };
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, (error) => {
      if (error) reject(error);
      else resolve(traffic);
    });
  });
}
