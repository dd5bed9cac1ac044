// A backend of the round-robin example: node backend-process.js NAME PORT. It tells the process that
// started it the port it listens on.

import { createServer } from 'sluice';
import { WeatherService } from './gen/weather_pb.ts';

async function main(backend = '', port = '0'): Promise<void> {
  const server = createServer().add(WeatherService, {
    getTemperature: () => ({ celsius: 21.5, backend }),
  });
  const address = await server.listen({ host: '127.0.0.1', port: Number(port) });
  process.send?.(address.port);
  await server.drainOn();
}

void main(process.argv[2], process.argv[3]);
