// A service of the four kinds, whose messages are text, and its handlers: each answers with what it was
// sent, and fails when that is `fail`. Loads nothing of gRPC, so that it may be imported before it.
// Not here: a server or a client of it.

import type {
  Metadata,
  MethodDefinition,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';

type TextMethod = MethodDefinition<string, string>;

function toBytes(text: string): Buffer {
  return Buffer.from(text);
}

function toText(bytes: Buffer): string {
  return bytes.toString();
}

function method(name: string, requestStream: boolean, responseStream: boolean): TextMethod {
  return {
    path: `/test.Echo/${name}`,
    originalName: name.charAt(0).toLowerCase() + name.slice(1),
    requestStream,
    responseStream,
    requestSerialize: toBytes,
    requestDeserialize: toText,
    responseSerialize: toBytes,
    responseDeserialize: toText,
  };
}

export const echoService: {
  readonly Unary: TextMethod;
  readonly ServerStream: TextMethod;
  readonly ClientStream: TextMethod;
  readonly Bidi: TextMethod;
  readonly Ignored: TextMethod;
} = {
  Unary: method('Unary', false, false),
  ServerStream: method('ServerStream', false, true),
  ClientStream: method('ClientStream', true, false),
  Bidi: method('Bidi', true, true),
  Ignored: method('Ignored', false, false),
};

/** FAILED_PRECONDITION, as a number: the enum would load the module. */
const FAILED_PRECONDITION = 9;

const FAILURE = { code: FAILED_PRECONDITION, details: 'asked to fail' };

function reply(text: string, callback: sendUnaryData<string>): void {
  if (text === 'fail') callback(FAILURE);
  else callback(null, text);
}

/** @param replyMetadata of each call, made anew */
export function echoHandlers(replyMetadata: () => Metadata): {
  Unary(call: ServerUnaryCall<string, string>, callback: sendUnaryData<string>): void;
  ServerStream(call: ServerWritableStream<string, string>): void;
  ClientStream(call: ServerReadableStream<string, string>, callback: sendUnaryData<string>): void;
  Bidi(call: ServerDuplexStream<string, string>): void;
  Ignored(call: ServerUnaryCall<string, string>, callback: sendUnaryData<string>): void;
} {
  return {
    Unary(call, callback) {
      call.sendMetadata(replyMetadata());
      reply(call.request, callback);
    },
    ServerStream(call) {
      call.sendMetadata(replyMetadata());
      if (call.request === 'fail') {
        call.emit('error', FAILURE);
        return;
      }
      for (const part of call.request) call.write(part);
      call.end();
    },
    ClientStream(call, callback) {
      call.sendMetadata(replyMetadata());
      let text = '';
      call.on('data', (part: string) => {
        text += part;
      });
      call.on('end', () => reply(text, callback));
    },
    Bidi(call) {
      call.sendMetadata(replyMetadata());
      call.on('data', (part: string) => {
        if (part === 'fail') call.emit('error', FAILURE);
        else call.write(part);
      });
      call.on('end', () => call.end());
    },
    Ignored(call, callback) {
      reply(call.request, callback);
    },
  };
}
