// @grpc/grpc-js as the server under faults: handlers of every kind that follow the scripts of their
// calls. It shows no connections.

import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { bytesMethod } from '../bytes-method.ts';
import { FOREVER, PATHS, parseScriptHeader, SCRIPT_KEY, type ServerScript } from './call-script.ts';
import type { HandlerJournal, ServeSettings, SubjectServer } from './subject.ts';

const DEFINITION: ServiceDefinition = {
  unary: bytesMethod(PATHS.unary, false, false),
  clientStreaming: bytesMethod(PATHS.clientStreaming, true, false),
  serverStreaming: bytesMethod(PATHS.serverStreaming, false, true),
  bidiStreaming: bytesMethod(PATHS.bidiStreaming, true, true),
};

/** What all kinds of calls have in common here. */
interface ServedCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  on(event: 'cancelled' | 'error', listener: () => void): unknown;
}

/** One handler: journalled once begun, and once over, by its own end or by a cancellation. */
class Handling {
  readonly script: ServerScript;
  isOver: boolean;
  private readonly journal: HandlerJournal;
  private timer: NodeJS.Timeout | undefined;

  constructor(call: ServedCall, journal: HandlerJournal) {
    this.script = parseScriptHeader(String(call.metadata.get(SCRIPT_KEY)[0] ?? ''));
    this.isOver = false;
    this.journal = journal;
    this.timer = undefined;
    journal.began(this.script.id);
    call.on('error', () => {});
    call.on('cancelled', () => this.over());
  }

  /** Runs `end` when the script's time has come. */
  finish(end: () => void): void {
    const { holdMs } = this.script;
    if (holdMs === FOREVER || this.isOver) return;
    const ending = (): void => {
      end();
      this.over();
    };
    if (holdMs === 0) ending();
    else this.timer = setTimeout(ending, holdMs);
  }

  get fault(): { code: number; details: string } | null {
    const { code } = this.script;
    return code === 0 ? null : { code, details: 'as the script says' };
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    this.journal.over(this.script.id);
  }
}

function answer(handling: Handling, done: sendUnaryData<Buffer>): void {
  handling.finish(() => {
    const { fault } = handling;
    if (fault === null) done(null, Buffer.alloc(handling.script.replyBytes, 'r'));
    else done(fault);
  });
}

function endStream(
  handling: Handling,
  call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
): void {
  handling.finish(() => {
    const { fault } = handling;
    if (fault === null) call.end();
    else call.emit('error', fault);
  });
}

function handlersOf(journal: HandlerJournal) {
  return {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      answer(new Handling(call, journal), done);
    },
    clientStreaming: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      const handling = new Handling(call, journal);
      call.on('data', () => {});
      call.on('end', () => answer(handling, done));
    },
    serverStreaming: (call: ServerWritableStream<Buffer, Buffer>) => {
      const handling = new Handling(call, journal);
      const { replies, replyBytes } = handling.script;
      let sent = 0;
      const send = (): void => {
        while (sent < replies && !handling.isOver) {
          sent += 1;
          if (call.write(Buffer.alloc(replyBytes))) continue;
          call.once('drain', send);
          return;
        }
        endStream(handling, call);
      };
      send();
    },
    bidiStreaming: (call: ServerDuplexStream<Buffer, Buffer>) => {
      const handling = new Handling(call, journal);
      const { replies, replyBytes, code } = handling.script;
      let sent = 0;
      call.on('data', () => {
        if (handling.isOver) return;
        sent += 1;
        if (!call.write(Buffer.alloc(replyBytes))) {
          call.pause();
          call.once('drain', () => call.resume());
        }
        if (sent === replies && code !== 0) endStream(handling, call);
      });
      call.on('end', () => endStream(handling, call));
    },
  };
}

export function serveGrpcJs(
  settings: ServeSettings,
  journal: HandlerJournal,
): Promise<SubjectServer> {
  const { keepaliveTimeMs, keepaliveTimeoutMs = 20_000, streams } = settings;
  const server = new Server({
    ...(keepaliveTimeMs === undefined
      ? {}
      : {
          'grpc.keepalive_time_ms': keepaliveTimeMs,
          'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
        }),
    ...(streams === undefined ? {} : { 'grpc.max_concurrent_streams': streams }),
  });
  server.addService(DEFINITION, handlersOf(journal));
  const drain = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.tryShutdown((error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve({ port, connections: () => null, acted: () => ({}), drain });
    });
  });
}
