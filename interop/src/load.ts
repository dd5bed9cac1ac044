// Load generators that others wrote, against a Sluice server: h2load, which is HTTP/2 alone, and
// ghz, which is gRPC on grpc-go.
// A case holds when every request of a bounded number was answered, and with OK where the generator
// looks at that. The rates are for reading, not for judging: generator and server share the machine.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Certificate } from './certificate.ts';
import { run } from './child.ts';
import { startServer } from './peer-process.ts';
import type { Command, Peer } from './peers.ts';
import type { InteropReport, InteropResult } from './report.ts';

/** The names of the cases. */
export const LOAD_CASES: readonly string[] = ['h2load', 'ghz'];

const REQUESTS = 20_000;
const CONNECTIONS = 4;
/** Calls in flight, over all connections. */
const IN_FLIGHT = 100;

const GHZ_MODULE = 'github.com/bojand/ghz/cmd/ghz@v0.93.0';
const BIN: string = fileURLToPath(new URL('../.build/bin', import.meta.url));
const PROTO: string = fileURLToPath(new URL('../proto', import.meta.url));

/** Milliseconds for a build with a cold cache, and for one run. */
const BUILD_MS = 300_000;
const RUN_MS = 60_000;

interface Target {
  readonly port: number;
  readonly certificate: Certificate | undefined;
  readonly folder: string;
}

/** A generator, or why there is none. */
type Found = { readonly path: string } | { readonly why: string };

interface Generator {
  readonly name: string;
  find(): Found;
  args(target: Target): readonly string[];
  /** What was wrong with the run, or what it measured. */
  judge(output: string): { readonly fault: string } | { readonly figures: string };
}

/** `finished in 0.53s, 37812.10 req/s`, `status codes: 20000 2xx, 0 3xx, ...`. */
const h2load: Generator = {
  name: 'h2load',
  find: () => {
    const { error } = spawnSync('h2load', ['--version']);
    return error === undefined ? { path: 'h2load' } : { why: `no h2load (${error.message})` };
  },
  args: ({ port, certificate, folder }) => {
    // An empty message.
    const body = join(folder, 'empty-message');
    writeFileSync(body, Buffer.alloc(5));
    const scheme = certificate === undefined ? 'http' : 'https';
    return [
      ...['-n', String(REQUESTS), '-c', String(CONNECTIONS), '-m', String(IN_FLIGHT / CONNECTIONS)],
      ...['-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
      `${scheme}://127.0.0.1:${port}/grpc.testing.TestService/EmptyCall`,
    ];
  },
  judge: (output) => {
    const rate = /finished in \S+, (\S+) req\/s/.exec(output)?.[1];
    const good = /status codes: (\d+) 2xx/.exec(output)?.[1];
    const requests = /^requests: .*$/m.exec(output)?.[0] ?? 'no count of requests';
    if (rate === undefined || Number(good) !== REQUESTS) return { fault: requests };
    return {
      figures: `${REQUESTS} requests answered with 200, ${Math.round(Number(rate))} a second`,
    };
  },
};

interface GhzReport {
  readonly rps: number;
  readonly statusCodeDistribution: { readonly OK?: number };
}

function installGhz(): Found {
  const path = join(BIN, 'ghz');
  if (existsSync(path)) return { path };
  mkdirSync(BIN, { recursive: true });
  const env = { ...process.env, GOBIN: BIN };
  const build = spawnSync('go', ['install', GHZ_MODULE], {
    env,
    encoding: 'utf8',
    timeout: BUILD_MS,
  });
  if (build.error !== undefined) return { why: `no go to build ghz with (${build.error.message})` };
  if (build.status === 0 && existsSync(path)) return { path };
  return { why: `go install failed: ${build.stderr.trim().replaceAll(/\s+/g, ' ')}` };
}

const ghz: Generator = {
  name: 'ghz',
  find: installGhz,
  args: ({ port, certificate }) => [
    ...['--proto', join(PROTO, 'grpc/testing/test.proto'), '--import-paths', PROTO],
    ...['--call', 'grpc.testing.TestService/UnaryCall'],
    ...['-d', '{"response_size":100,"payload":{"body":"AAAAAAAAAAAAAAAAAAAAAA=="}}'],
    ...['-n', String(REQUESTS), '-c', String(IN_FLIGHT), '--connections', String(CONNECTIONS)],
    ...['-O', 'json'],
    ...(certificate === undefined ? ['--insecure'] : ['--cacert', certificate.certificate]),
    `127.0.0.1:${port}`,
  ],
  judge: (output) => {
    const start = output.indexOf('{');
    if (start < 0) return { fault: `no report: ${output.trim().split('\n').at(-1) ?? ''}` };
    // Foreign: its keys are checked by the comparison below.
    const report = JSON.parse(output.slice(start)) as Partial<GhzReport>;
    const statuses = report.statusCodeDistribution ?? {};
    if (statuses.OK !== REQUESTS) return { fault: `statuses ${JSON.stringify(statuses)}` };
    return { figures: `${REQUESTS} calls OK, ${Math.round(report.rps ?? 0)} a second` };
  },
};

async function drive(
  generator: Generator,
  command: Command,
  certificate: Certificate | undefined,
  folder: string,
): Promise<InteropResult> {
  const tls = certificate !== undefined;
  const row = (result: InteropResult['result'], why: string): InteropResult => ({
    case: generator.name,
    client: generator.name,
    server: 'sluice',
    tls,
    result,
    why,
  });
  const found = generator.find();
  if ('why' in found) return row('skipped', found.why);
  const files = certificate && ['--cert', certificate.certificate, '--key', certificate.key];
  const server = await startServer(command, files ?? []);
  try {
    const args = generator.args({ port: server.port, certificate, folder });
    const { output, fault } = await run(found.path, args, RUN_MS);
    if (fault !== undefined) return row('fail', `${generator.name} ${fault}`);
    const judged = generator.judge(output);
    return 'fault' in judged ? row('fail', judged.fault) : row('pass', judged.figures);
  } catch (fault) {
    return row('fail', fault instanceof Error ? fault.message : String(fault));
  } finally {
    await server.stop();
  }
}

/**
 * Runs each generator twice: plain, then over TLS.
 * @param folder for files of the run
 */
export async function runLoad(
  peers: readonly Peer[],
  certificate: Certificate | undefined,
  folder: string,
  wanted: (name: string) => boolean,
  onCase: (name: string) => void,
): Promise<InteropReport> {
  const report: InteropReport = [];
  const command = peers.find(({ name }) => name === 'sluice')?.command;
  if (command === undefined) return report;
  for (const generator of [h2load, ghz]) {
    if (!wanted(generator.name)) continue;
    onCase(`${generator.name}: plain`);
    report.push(await drive(generator, command, undefined, folder));
    if (certificate === undefined) continue;
    onCase(`${generator.name}: TLS`);
    report.push(await drive(generator, command, certificate, folder));
  }
  return report;
}
