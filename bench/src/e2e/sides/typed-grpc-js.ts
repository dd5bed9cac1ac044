// Typed unary calls through grpc-js: the client and the service that ts-proto generates for it, as
// its users have them.

import { ShopClient, type ShopServer, ShopService } from '../../gen/grpc-js/bench.ts';
import type { TypedShop } from './grpc-js.ts';
import type { TypedListener } from './side.ts';

/** The function that starts one call. */
function typedCaller(client: ShopClient, listener: TypedListener): () => void {
  const note = Buffer.alloc(16, 1);
  return () => {
    const order = { id: 'order-1', quantity: 3, price: 9.5, note };
    client.buy(order, (fault, receipt) => {
      if (fault !== null) listener.onFault(fault);
      else listener.onResponse(receipt.total);
    });
  };
}

const implementation: ShopServer = {
  buy: ({ request }, done) => {
    done(null, { orderId: request.id, total: request.quantity * request.price });
  },
};

export const shop: TypedShop = {
  serve: (server) => server.addService(ShopService, implementation),
  client: (address, credentials, options) => {
    const client = new ShopClient(address, credentials, options);
    return (listener) => typedCaller(client, listener);
  },
};
