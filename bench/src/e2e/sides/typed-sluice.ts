// Typed unary calls through Sluice: a client and a service over protobuf-es, as its generator
// writes them.

import { create } from '@bufbuild/protobuf';
import { type Channel, createClient, type Server } from 'sluice';
import { OrderSchema, Shop } from '../../gen/es/bench_pb.ts';
import type { TypedListener } from './side.ts';

/** The function that starts one call. */
export function typedCaller(channel: Channel, listener: TypedListener): () => void {
  const client = createClient(Shop, channel);
  const { onResponse, onFault } = listener;
  const note = new Uint8Array(16).fill(1);
  return () => {
    const order = create(OrderSchema, { id: 'order-1', quantity: 3, price: 9.5, note });
    client.buy(order).then((receipt) => onResponse(receipt.total), onFault);
  };
}

/** The service behind it. */
export function serveShop(server: Server): void {
  server.add(Shop, {
    buy: (order) => ({ orderId: order.id, total: order.quantity * order.price }),
  });
}
