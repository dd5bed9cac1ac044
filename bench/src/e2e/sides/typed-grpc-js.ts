// Typed unary calls through grpc-js: the client and the service that ts-proto generates for it, as
// its users have them.

import type * as grpc from '@grpc/grpc-js';
import { ShopClient, type ShopServer, ShopService } from '../../gen/grpc-js/bench.ts';
import type { TypedListener } from './side.ts';

/** The function that starts one call. */
export function typedCaller(client: ShopClient, listener: TypedListener): () => void {
  const note = Buffer.alloc(16, 1);
  return () => {
    const order = { id: 'order-1', quantity: 3, price: 9.5, note };
    client.buy(order, (fault, receipt) => {
      if (fault !== null) listener.onFault(fault);
      else listener.onResponse(receipt.total);
    });
  };
}

/** A client as its generated code makes it. */
export function shopClient(
  address: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ChannelOptions,
): ShopClient {
  return new ShopClient(address, credentials, options);
}

/** The service behind it. */
export function serveShop(server: grpc.Server): void {
  const shop: ShopServer = {
    buy: ({ request }, done) => {
      done(null, { orderId: request.id, total: request.quantity * request.price });
    },
  };
  server.addService(ShopService, shop);
}
