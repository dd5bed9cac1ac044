// Runs the round-robin example: one channel, three backends. One is killed while calls are made,
// the others take over; it comes back, and has its share again.

import { type Client, connect, createClient, StatusError } from 'sluice';
import { type Backend, endBackend, startBackend } from './backend.ts';
import { WeatherService } from './gen/weather_pb.ts';

type Weather = Client<typeof WeatherService>;

/** Who answered how often, and how many calls failed. */
class Answers {
  readonly byBackend = new Map<string, number>();
  failed = 0;
  private total = 0;

  async ask(weather: Weather): Promise<void> {
    this.total += 1;
    try {
      const { backend } = await weather.getTemperature({ city: 'Lisbon' });
      this.byBackend.set(backend, (this.byBackend.get(backend) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.failed += 1;
    }
  }

  toString(): string {
    const shares = [...this.byBackend].sort().map(([name, count]) => `${name} ${count}`);
    return `${this.total} calls: ${shares.join(', ')}; ${this.failed} failed`;
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

/** Asks until this backend answers: the channel is connected to it. */
async function untilAnswered(weather: Weather, { name }: Backend): Promise<void> {
  const answers = new Answers();
  while (!answers.byBackend.has(name)) await answers.ask(weather);
}

async function main(): Promise<void> {
  const backends = await Promise.all(['north', 'south', 'west'].map((name) => startBackend(name)));
  const [north, south, west] = backends;
  if (north === undefined || south === undefined || west === undefined) return;

  // `static:` takes the addresses as they are; `dns:///weather.internal:443` would look them up.
  const channel = connect(`static:${backends.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, {
    serviceConfig: { loadBalancingConfig: [{ round_robin: {} }] },
    backoff: { initialMs: 100, maxMs: 1_000 },
  });
  const weather = createClient(WeatherService, channel, { timeoutMs: 5_000 });
  for (const backend of backends) await untilAnswered(weather, backend);

  console.log(`all three are up:  ${await askAll(weather, 3_000)}`);

  const meanwhile = askAll(weather, 3_000);
  await endBackend(south, 'SIGKILL');
  // A call that was on its way to the backend is lost with it. A retry policy would get it back.
  console.log(`south is killed:   ${await meanwhile}`);

  console.log(`two are left:      ${await askAll(weather, 3_000)}`);

  const again = await startBackend('south', south.port);
  await untilAnswered(weather, again);
  console.log(`south is back:     ${await askAll(weather, 3_000)}`);

  await channel.close();
  await Promise.all([north, again, west].map((backend) => endBackend(backend, 'SIGTERM')));
}

void main();
