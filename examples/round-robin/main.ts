// Runs the round-robin example: one channel, three backends. One is killed while calls are made,
// the others take over; it comes back, and has its share again.

import { setTimeout } from 'node:timers/promises';
import { type Channel, type Client, connect, createClient, type Peer, StatusError } from 'sluice';
import { endBackend, startBackend } from './backend.ts';
import { WeatherService } from './gen/weather_pb.ts';

type Weather = Client<typeof WeatherService>;

/** Who answered how often, how many calls failed, and where they had been sent. */
class Answers {
  private readonly byBackend = new Map<string, number>();
  private readonly failedAt = new Set<string>();
  private failed = 0;
  private total = 0;

  async ask(weather: Weather): Promise<void> {
    this.total += 1;
    let reached = 'nowhere';
    const onPeer = ({ address }: Peer): void => {
      reached = address;
    };
    try {
      const { backend } = await weather.getTemperature({ city: 'Lisbon' }, { onPeer });
      this.byBackend.set(backend, (this.byBackend.get(backend) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.failed += 1;
      this.failedAt.add(reached);
    }
  }

  toString(): string {
    const shares = [...this.byBackend].sort().map(([name, count]) => `${name} ${count}`);
    const where = this.failed === 0 ? '' : `, sent to ${[...this.failedAt].join(', ')}`;
    return `${this.total} calls: ${shares.join(', ')}; ${this.failed} failed${where}`;
  }
}

/** Ten callers at a time, each with one call after the other. */
async function askAll(weather: Weather, calls: number): Promise<Answers> {
  const answers = new Answers();
  let begun = 0;
  async function caller(): Promise<void> {
    while (begun < calls) {
      begun += 1;
      await answers.ask(weather);
    }
  }
  await Promise.all(Array.from({ length: 10 }, caller));
  return answers;
}

/** A channel is ready with its first backend; this waits for the others, too. */
async function allReady(channel: Channel): Promise<void> {
  await channel.ready();
  while (channel.stats().backends?.some(({ state }) => state !== 'READY')) await setTimeout(10);
}

async function main(): Promise<void> {
  const backends = await Promise.all(['north', 'south', 'west'].map((name) => startBackend(name)));
  const [north, south, west] = backends;
  if (north === undefined || south === undefined || west === undefined) return;

  // A list is taken as it is; `dns:///weather.internal:443` would look the addresses up.
  const addresses = backends.map(({ port }) => `127.0.0.1:${port}`);
  const channel = connect(addresses, {
    serviceConfig: { loadBalancingConfig: [{ round_robin: {} }] },
    backoff: { initialMs: 100, maxMs: 1_000 },
  });
  const weather = createClient(WeatherService, channel, { timeoutMs: 5_000 });
  await allReady(channel);

  console.log(`south is ${addresses[1]}`);
  console.log(`all three are up:  ${await askAll(weather, 3_000)}`);

  const meanwhile = askAll(weather, 3_000);
  await endBackend(south, 'SIGKILL');
  // A call that was on its way to the backend is lost with it. A retry policy would get it back.
  console.log(`south is killed:   ${await meanwhile}`);

  console.log(`two are left:      ${await askAll(weather, 3_000)}`);

  const again = await startBackend('south', south.port);
  await allReady(channel);
  console.log(`south is back:     ${await askAll(weather, 3_000)}`);

  await channel.close();
  await Promise.all([north, again, west].map((backend) => endBackend(backend, 'SIGTERM')));
}

void main();
