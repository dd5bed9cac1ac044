// A program written for @grpc/grpc-js: what libraries import by the path of a file. It is compiled, never run.

import { credentials, status } from '@grpc/grpc-js';
import {
  type ClientUnaryCall,
  callErrorFromStatus,
  type ServiceError,
} from '@grpc/grpc-js/build/src/call';
import {
  CallCredentials,
  type CallMetadataGenerator,
} from '@grpc/grpc-js/build/src/call-credentials';
import {
  type CertificateProvider,
  FileWatcherCertificateProvider,
} from '@grpc/grpc-js/build/src/certificate-provider';
import {
  ChannelCredentials,
  type VerifyOptions,
} from '@grpc/grpc-js/build/src/channel-credentials';
import { type CallOptions, Client, type UnaryCallback } from '@grpc/grpc-js/build/src/client';
import { CompressionAlgorithms } from '@grpc/grpc-js/build/src/compression-algorithms';
import { ConnectivityState } from '@grpc/grpc-js/build/src/connectivity-state';
import {
  DEFAULT_MAX_RECEIVE_MESSAGE_LENGTH,
  LogVerbosity,
  Propagate,
  Status,
} from '@grpc/grpc-js/build/src/constants';
import { type Duration, durationToMs, msToDuration } from '@grpc/grpc-js/build/src/duration';
import { getLogger, log, setLogger } from '@grpc/grpc-js/build/src/logging';
import {
  type Deserialize,
  type MethodDefinition,
  makeClientConstructor,
  type PackageDefinition,
  type Serialize,
  type ServiceClient,
  type ServiceClientConstructor,
} from '@grpc/grpc-js/build/src/make-client';
import { Metadata, type MetadataObject } from '@grpc/grpc-js/build/src/metadata';
import {
  type Handler,
  type HandlerType,
  type ServerStatusResponse,
  type ServerSurfaceCall,
  type ServerUnaryCall,
  ServerUnaryCallImpl,
  serverErrorToStatus,
} from '@grpc/grpc-js/build/src/server-call';
import { type KeyCertPair, ServerCredentials } from '@grpc/grpc-js/build/src/server-credentials';

export const bytes: Serialize<Buffer> & Deserialize<Buffer> = (value) => value;

export const method: MethodDefinition<Buffer, Buffer> = {
  path: '/a.B/C',
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

export const definitions: PackageDefinition = { 'a.B': { C: method } };

export function made(): ServiceClient {
  const Made: ServiceClientConstructor = makeClientConstructor({ C: method }, 'a.B');
  return new Made('localhost:1', credentials.createInsecure());
}

/** What the index gives is what the path gives. */
export function same(generator: CallMetadataGenerator): readonly boolean[] {
  const options: VerifyOptions = {};
  const channel: ChannelCredentials = credentials.createSsl(null, null, null, options);
  const call: CallCredentials = CallCredentials.createFromMetadataGenerator(generator);
  const client = new Client('localhost:1', ChannelCredentials.createInsecure());
  const code: status = Status.ABORTED;
  return [channel._isSecure(), call._equals(call), code === status.ABORTED, client === null];
}

export function call(client: Client, callback: UnaryCallback<Buffer>): ClientUnaryCall {
  const options: CallOptions = { propagate_flags: Propagate.DEFAULTS };
  return client.makeUnaryRequest('/a.B/C', bytes, bytes, Buffer.alloc(0), options, callback);
}

export function error(): ServiceError {
  const metadata = new Metadata();
  const response: ServerStatusResponse = { code: Status.ABORTED, details: 'so' };
  const { code, details } = serverErrorToStatus(response, metadata);
  return callErrorFromStatus({ code, details, metadata }, 'stack');
}

export function handled(handler: Handler<Buffer, Buffer>, call: ServerSurfaceCall): HandlerType {
  const unary = call instanceof ServerUnaryCallImpl;
  const typed: ServerUnaryCall<Buffer, Buffer> | undefined = unary ? call : undefined;
  if (handler.type === 'unary' && typed !== undefined) handler.func(typed, () => {});
  return handler.type;
}

export function others(): readonly unknown[] {
  const duration: Duration = msToDuration(DEFAULT_MAX_RECEIVE_MESSAGE_LENGTH);
  const provider: CertificateProvider = new FileWatcherCertificateProvider({
    refreshIntervalMs: 1,
  });
  const pair: KeyCertPair = { private_key: Buffer.alloc(0), cert_chain: Buffer.alloc(0) };
  const representation: MetadataObject = new Map();
  setLogger(getLogger());
  log(LogVerbosity.ERROR, 'text');
  return [
    durationToMs(duration),
    provider,
    ServerCredentials.createSsl(null, [pair]),
    representation,
    CompressionAlgorithms.identity,
    ConnectivityState.IDLE,
  ];
}
