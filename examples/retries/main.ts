// Runs the retries example: the same calls to a backend that fails every third of them, first
// without a retry policy and then with one.

import { connect, createClient, type ServiceConfig, StatusError } from 'sluice';
import { ShopService } from './gen/shop_pb.ts';
import { flakyShopServer } from './server.ts';

// Policies are named by service or method. What must not happen twice is not named here.
const RETRY_PRICES: ServiceConfig = {
  methodConfig: [
    {
      name: [{ service: ShopService.typeName, method: ShopService.method.getPrice.name }],
      retryPolicy: {
        maxAttempts: 4,
        // The waits are varied by a fifth either way, so that clients do not retry in step.
        initialBackoff: '0.01s',
        backoffMultiplier: 2,
        maxBackoff: '0.5s',
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
  // Where most calls fail, retries would only make it worse: each failure takes a token of ten,
  // each success gives half a one back, and there are no retries while less than half are left.
  retryThrottling: { maxTokens: 10, tokenRatio: 0.5 },
};

/** Makes 30 calls, one after the other. */
async function failuresOf(call: () => Promise<unknown>): Promise<StatusError[]> {
  const failures: StatusError[] = [];
  for (let i = 0; i < 30; i += 1) {
    try {
      await call();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      failures.push(error);
    }
  }
  return failures;
}

async function show(target: string, name: string, serviceConfig: ServiceConfig): Promise<void> {
  const channel = connect(target, { serviceConfig });
  const shop = createClient(ShopService, channel, { timeoutMs: 5_000 });

  const prices = await failuresOf(() => shop.getPrice({ item: 'kettle' }));
  const { retries = 0 } = channel.stats().retries ?? {};
  console.log(`${name}: 30 prices, ${prices.length} failed, ${retries} retries`);

  const orders = await failuresOf(() => shop.placeOrder({ item: 'kettle' }));
  console.log(`${name}: 30 orders, ${orders.length} failed: ${orders[0]?.message}`);

  await channel.close();
}

async function main(): Promise<void> {
  const server = flakyShopServer();
  const { port } = await server.listen({ host: '127.0.0.1' });
  await show(`127.0.0.1:${port}`, 'without a policy', {});
  await show(`127.0.0.1:${port}`, 'with a policy', RETRY_PRICES);
  await server.drain();
}

void main();
