// The server of the retries example: of its calls, every third fails, as those of a backend do that
// has one bad instance behind it.

import { createServer, type Server, type ServerInterceptor, Status, StatusError } from 'sluice';
import { ShopService } from './gen/shop_pb.ts';

/** A server that is not listening yet. */
export function flakyShopServer(): Server {
  let calls = 0;
  let orders = 0;

  const everyThirdFails: ServerInterceptor = (request, next) => {
    calls += 1;
    if (calls % 3 === 0) throw new StatusError(Status.UNAVAILABLE, `call ${calls} is unlucky`);
    return next(request);
  };

  return createServer({ interceptors: [everyThirdFails] }).add(ShopService, {
    getPrice: ({ item }) => ({ cents: item.length * 100 }),
    placeOrder() {
      orders += 1;
      return { order: orders };
    },
  });
}
