// @grpc/grpc-js as a client of a soak: the same planned calls, as far as its API goes.
// It has one connection to a backend, no count of its streams, and no health watch of its own.

import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  type InterceptingCall as Intercepting,
  InterceptingCall,
  type Interceptor,
  Metadata,
  type CallOptions as PeerCallOptions,
  type ServiceError,
} from '@grpc/grpc-js';
import { bytes } from '../bytes-method.ts';
import type { CallWatcher } from './ledger.ts';
import {
  type CallPlan,
  FILLER_KEY,
  MAX_ATTEMPTS,
  MAX_RECEIVE,
  ORDER_KEY,
  orderText,
  pathOf,
  SMALL_RECEIVE,
} from './plan.ts';
import {
  type ChannelPlan,
  CLIENT_PING_MS,
  CLIENT_PING_TIMEOUT_MS,
  filler,
  payload,
  RETRY_BACKOFF,
  type SoakChannel,
} from './runtime.ts';

const passing: Interceptor = (options, nextCall): Intercepting =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next): void {
      metadata.add('soak-passed', options.method_definition.path);
      next(metadata, listener);
    },
  });

/** Its gzip, by number. */
const GZIP = 2;

function metadataOf(plan: CallPlan): Metadata {
  const metadata = new Metadata();
  metadata.set(ORDER_KEY, orderText(plan.order));
  if (plan.metadataBytes > 0) {
    metadata.set(FILLER_KEY, filler(plan.metadataBytes));
    metadata.set('soak-bin', payload(plan.metadataBytes));
  }
  return metadata;
}

type Writing = ClientWritableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>;
type Reading = ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>;

function write(call: Writing, plan: CallPlan, from: number): void {
  for (let i = from; i < plan.requestCount; i += 1) {
    if (call.write(payload(plan.requestBytes))) continue;
    call.once('drain', () => write(call, plan, i + 1));
    return;
  }
  call.end();
}

function read(call: Reading, plan: CallPlan, watcher: CallWatcher): void {
  let isRead = false;
  let isOk = false;
  call.on('data', (message: Buffer) => {
    watcher.onMessage(message.length);
    if (plan.pauseMs === 0) return;
    call.pause();
    setTimeout(() => call.resume(), plan.pauseMs);
  });
  // The status may come while messages still wait to be read.
  call.on('end', () => {
    isRead = true;
    if (isOk) watcher.onEnd(0, '');
  });
  call.on('status', ({ code, details }) => {
    isOk = code === 0;
    if (!isOk || isRead) watcher.onEnd(code, details);
  });
  // An end other than OK is told as 'error' and as 'status'; unheard, the first is thrown.
  call.on('error', () => {});
}

class GrpcJsChannel implements SoakChannel {
  private readonly client: Client;
  private readonly smallClient: Client;

  constructor(client: Client, smallClient: Client) {
    this.client = client;
    this.smallClient = smallClient;
  }

  begin(plan: CallPlan, watcher: CallWatcher): () => void {
    const call = this.start(plan, watcher);
    call.on('metadata', () => watcher.onHeader());
    return () => call.cancel();
  }

  private start(plan: CallPlan, watcher: CallWatcher): ClientUnaryCall | Writing | Reading {
    const path = pathOf(plan);
    const metadata = metadataOf(plan);
    const options: PeerCallOptions =
      plan.timeoutMs > 0 ? { deadline: Date.now() + plan.timeoutMs } : {};
    const client = plan.tooLarge ? this.smallClient : this.client;
    const request = payload(plan.requestBytes);
    const answer = (error: ServiceError | null, message?: Buffer): void => {
      if (message !== undefined) watcher.onMessage(message.length);
      if (error === null) watcher.onEnd(0, '');
      else watcher.onEnd(error.code, error.details);
    };
    switch (plan.kind) {
      case 'unary':
        return client.makeUnaryRequest(path, bytes, bytes, request, metadata, options, answer);
      case 'clientStreaming': {
        const call = client.makeClientStreamRequest(path, bytes, bytes, metadata, options, answer);
        call.on('error', () => {});
        write(call, plan, 0);
        return call;
      }
      case 'serverStreaming': {
        const call = client.makeServerStreamRequest(path, bytes, bytes, request, metadata, options);
        read(call, plan, watcher);
        return call;
      }
      case 'bidiStreaming': {
        const call = client.makeBidiStreamRequest(path, bytes, bytes, metadata, options);
        read(call, plan, watcher);
        write(call, plan, 0);
        return call;
      }
    }
  }

  observe(): void {
    this.client.getChannel().getConnectivityState(false);
  }

  streams(): number {
    return 0;
  }

  stopObserving(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.client.close();
    this.smallClient.close();
    return Promise.resolve();
  }
}

export function openGrpcJs(plan: ChannelPlan): SoakChannel {
  const policy = plan.policy === 'pick_first' ? 'pick_first' : 'round_robin';
  const options: ClientOptions = {
    'grpc.max_receive_message_length': MAX_RECEIVE,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 500,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': plan.shared ? 0 : 1,
    'grpc.service_config': JSON.stringify({
      loadBalancingConfig: [{ [policy]: {} }],
      methodConfig: [
        {
          name: [{ service: 'soak.Soak', method: 'Retried' }],
          retryPolicy: {
            maxAttempts: MAX_ATTEMPTS,
            initialBackoff: RETRY_BACKOFF.initial,
            maxBackoff: RETRY_BACKOFF.max,
            backoffMultiplier: RETRY_BACKOFF.multiplier,
            retryableStatusCodes: ['UNAVAILABLE'],
          },
        },
      ],
    }),
    ...(plan.interceptors ? { interceptors: [passing] } : {}),
    ...(plan.compresses ? { 'grpc.default_compression_algorithm': GZIP } : {}),
    ...(plan.keepalive
      ? {
          'grpc.keepalive_time_ms': CLIENT_PING_MS,
          'grpc.keepalive_timeout_ms': CLIENT_PING_TIMEOUT_MS,
        }
      : {}),
  };
  const target = `ipv4:${plan.ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  const insecure = credentials.createInsecure();
  return new GrpcJsChannel(
    new Client(target, insecure, options),
    // It limits messages per channel alone; both share their connections where they may.
    new Client(target, insecure, {
      ...options,
      'grpc.max_receive_message_length': SMALL_RECEIVE,
    }),
  );
}
