// The service of proto/orders.proto on the published server: the four kinds of handler, with what a test
// asks of each by the item it names. For ts-proto and proto-loader; frameworks have handlers of their own.

import { EventEmitter } from 'node:events';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Offer, Order, Progress, Receipt, WatchRequest } from '../gen/ts-proto/orders.ts';

/** An order of it fails: INVALID_ARGUMENT, with a trailer of text and one of bytes. */
export const REFUSED = 'refused';
/** An order of it has its headers and no reply; watching it never ends. */
export const ENDLESS = 'endless';
/** Watching it gives two messages, then DATA_LOSS; haggling below zero gives OUT_OF_RANGE. */
export const LOST = 'lost';

export class Orders {
  /** Emits `cancelled` with the item of a call whose caller went away. */
  readonly events: EventEmitter = new EventEmitter();
  /** The deadlines of the unary calls, in order. */
  readonly deadlines: (Date | number)[] = [];

  readonly handlers: {
    readonly placeOrder: handleUnaryCall<Order, Receipt>;
    readonly watchOrder: handleServerStreamingCall<WatchRequest, Progress>;
    readonly placeOrders: handleClientStreamingCall<Order, Receipt>;
    readonly haggle: handleBidiStreamingCall<Offer, Offer>;
  } = {
    placeOrder: (call, callback) => this.#placeOrder(call, callback),
    watchOrder: (call) => this.#watchOrder(call),
    placeOrders,
    haggle,
  };

  #placeOrder(call: ServerUnaryCall<Order, Receipt>, callback: sendUnaryData<Receipt>): void {
    const { item, quantity } = call.request;
    this.deadlines.push(call.getDeadline());
    if (item === REFUSED) {
      const metadata = new Metadata();
      metadata.set('reason', 'out of stock');
      metadata.set('proof-bin', Buffer.from([0, 255, 1]));
      callback({ code: status.INVALID_ARGUMENT, details: `no ${item}`, metadata });
      return;
    }
    const headers = new Metadata();
    headers.set('caller', String(call.metadata.get('caller')[0] ?? 'nobody'));
    headers.set('token-bin', call.metadata.get('token-bin')[0] ?? Buffer.alloc(0));
    call.sendMetadata(headers);
    if (item === ENDLESS) {
      call.on('cancelled', () => this.events.emit('cancelled', item));
      return;
    }
    const trailers = new Metadata();
    trailers.set('orders', '1');
    callback(null, { orders: 1, quantity, items: [item] }, trailers);
  }

  #watchOrder(call: ServerWritableStream<WatchRequest, Progress>): void {
    const { item, steps } = call.request;
    let step = 0;
    if (item === ENDLESS) {
      call.on('cancelled', () => this.events.emit('cancelled', item));
      const write = () => {
        while (!call.cancelled && call.write({ item, step: ++step }));
        if (!call.cancelled) call.once('drain', write);
      };
      write();
      return;
    }
    while (step < steps) call.write({ item, step: ++step });
    if (item === LOST) {
      call.emit('error', { code: status.DATA_LOSS, details: `lost after ${step}` });
      return;
    }
    const trailers = new Metadata();
    trailers.set('steps', String(step));
    call.end(trailers);
  }
}

function placeOrders(
  call: ServerReadableStream<Order, Receipt>,
  callback: sendUnaryData<Receipt>,
): void {
  const items: string[] = [];
  let total = 0;
  call.on('data', ({ item, quantity }: Order) => {
    items.push(item);
    total += quantity;
  });
  call.on('end', () => callback(null, { orders: items.length, quantity: total, items }));
}

/** Halves each offer as it comes; ends when its caller does. */
function haggle(call: ServerDuplexStream<Offer, Offer>): void {
  call.on('data', ({ cents }: Offer) => {
    if (cents < 0) {
      call.emit('error', { code: status.OUT_OF_RANGE, details: `${cents} cents` });
      return;
    }
    call.write({ cents: cents / 2 });
  });
  call.on('end', () => call.end());
}
