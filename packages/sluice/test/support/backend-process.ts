// A backend in a process of its own, for tests that restart or kill one: argv is its port, 0 for any.
// Answers every call with its process id, after so many milliseconds as the request says, and drains
// on SIGTERM. Prints its port once it listens.

import { createServer } from 'sluice';
import { processWheel } from '#sluice/transport/timer-wheel.js';
import { WheelTimeout } from '#sluice/transport/wheel-timeout.js';

const pid = Buffer.from(String(process.pid));

const server = createServer().unary('/test.Backend/Who', (request) => {
  const ms = Number(String(request));
  if (ms === 0) return pid;
  return new Promise((resolve) => {
    new WheelTimeout(processWheel, ms, () => resolve(pid));
  });
});

void server.drainOn(['SIGTERM'], { graceMs: 5_000 });
server.listen({ host: '127.0.0.1', port: Number(process.argv[2]) }).then(
  ({ port }) => {
    process.stdout.write(`${port}\n`);
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
