// Two hosts on one machine: network namespaces of Linux with a cable (veth) between them.
// Invariants: nothing outside the two namespaces is touched, and both are gone when this process
// is, however it ends: a guard of its own process group, whose input is our pipe, deletes them.
// Not here: what runs on the hosts (traffic.ts), delay, which this way cannot make (delay-link.ts).

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** One end of the cable. */
export interface Host {
  /** The namespace. */
  readonly name: string;
  /** Where the other host reaches it. */
  readonly address: string;
  /** What starts a program there: goes before its command line. */
  readonly enter: readonly string[];
}

/** Both directions of the cable alike. */
export interface Cable {
  /** Whole percents of packets that get lost, 0 to 99. */
  readonly lossPercent: number;
  /** Bits per second; undefined for as many as the machine carries. */
  readonly bitsPerSecond?: number;
}

/** The machine does not let us make hosts; the message says why, by name. */
export class NoHostsError extends Error {
  override readonly name = 'NoHostsError';
}

const DEVICE = 'cable';

/** TEST-NET-1 of RFC 5737: no route of this machine leads there, and none leads out of the hosts. */
const ADDRESSES: readonly [string, string] = ['192.0.2.1', '192.0.2.2'];

/** Bytes that may pass the shaper at once, and milliseconds that a packet may wait for its turn. */
const SHAPER: readonly string[] = ['burst', '32kb', 'latency', '40ms'];

/** What the guard runs: waits for the end of its input, then deletes the namespaces it was given. */
const GUARD = 'cat >/dev/null; for name; do ip netns delete "$name" 2>/dev/null; done';

/** Runs a program to its end; throws NoHostsError with what it said when it fails. */
function must(program: string, ...args: string[]): string {
  const ran = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 });
  if (ran.error !== undefined) {
    const missing = 'code' in ran.error && ran.error.code === 'ENOENT';
    throw new NoHostsError(
      missing ? `no ${program} on this machine` : `${program}: ${ran.error.message}`,
    );
  }
  if (ran.status !== 0) {
    const said = ran.stderr.trim().split('\n').at(-1) ?? '';
    throw new NoHostsError(`${[program, ...args].join(' ')}: ${said}`);
  }
  return ran.stdout;
}

/** Why no hosts can be made here, so far as that shows without trying, or undefined. */
function whyNoHosts(): string | undefined {
  if (process.platform !== 'linux') {
    return `network namespaces need Linux; this is ${process.platform}`;
  }
  if (process.getuid?.() !== 0) return 'network namespaces need root (CAP_NET_ADMIN)';
  for (const [program, flag] of [
    ['ip', '-V'],
    ['tc', '-V'],
    ['nft', '--version'],
  ] as const) {
    if (spawnSync(program, [flag]).error !== undefined) return `no ${program} on this machine`;
  }
  return undefined;
}

/** The packets that a host lost of those that came in, by the counter of its rule. */
export interface Lost {
  readonly lost: number;
  readonly received: number;
}

export class Hosts {
  readonly server: Host;
  readonly client: Host;
  private readonly guard: ChildProcess;
  private readonly guardGone: Promise<void>;

  private constructor() {
    const unique = `sluice-${process.pid}-${randomBytes(4).toString('hex')}`;
    this.server = host(`${unique}-s`, ADDRESSES[0]);
    this.client = host(`${unique}-c`, ADDRESSES[1]);
    // Before there is anything to delete: no moment is left in which our end would leave a namespace.
    // Detached, for ^C reaches a whole process group.
    this.guard = spawn('sh', ['-c', GUARD, 'guard', this.server.name, this.client.name], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.guard.unref();
    this.guardGone = new Promise((resolve) => {
      this.guard.once('error', () => resolve());
      this.guard.once('exit', () => resolve());
    });
  }

  /** Rejects with NoHostsError when the machine does not allow it; nothing is left behind then. */
  static async make(cable: Cable): Promise<Hosts> {
    const why = whyNoHosts();
    if (why !== undefined) throw new NoHostsError(why);
    const hosts = new Hosts();
    try {
      hosts.join();
      for (const end of [hosts.server, hosts.client]) wire(end, cable);
    } catch (fault) {
      await hosts.remove();
      throw fault;
    }
    return hosts;
  }

  /** Deletes both; programs that still run there keep only what they hold. Rejects if one stays. */
  async remove(): Promise<void> {
    this.guard.ref();
    this.guard.stdin?.end();
    await this.guardGone;
    const left = [this.server.name, this.client.name].filter((name) => existing().includes(name));
    for (const name of left) must('ip', 'netns', 'delete', name);
  }

  /** What the loss has cost a host so far. Zeros for a cable without loss. */
  lossAt(end: Host): Lost {
    const ruleset = must(...inside(end), 'nft', 'list', 'ruleset');
    const [received = 0, lost = 0] = [...ruleset.matchAll(/counter packets (\d+)/g)].map((found) =>
      Number(found[1]),
    );
    return { received, lost };
  }

  private join(): void {
    for (const { name } of [this.server, this.client]) must('ip', 'netns', 'add', name);
    // Both ends are born in their namespaces: the machine's own never sees a device.
    const ends = ['type', 'veth', 'peer', 'name', DEVICE, 'netns', this.client.name];
    must('ip', 'link', 'add', DEVICE, 'netns', this.server.name, ...ends);
  }
}

function host(name: string, address: string): Host {
  return { name, address, enter: ['ip', 'netns', 'exec', name] };
}

function inside({ enter: [program = '', ...args] }: Host): [string, ...string[]] {
  return [program, ...args];
}

function wire(end: Host, cable: Cable): void {
  const { name, address } = end;
  must('ip', '-n', name, 'address', 'add', `${address}/30`, 'dev', DEVICE);
  // One segment per packet: a lost packet is then what it is on a wire, not 64 KB of a batch.
  must('ip', '-n', name, 'link', 'set', DEVICE, 'gso_max_segs', '1');
  must('ip', '-n', name, 'link', 'set', DEVICE, 'up');
  must('ip', '-n', name, 'link', 'set', 'lo', 'up');
  if (cable.bitsPerSecond !== undefined) {
    const rate = ['root', 'tbf', 'rate', `${cable.bitsPerSecond}bit`, ...SHAPER];
    must('tc', '-n', name, 'qdisc', 'add', 'dev', DEVICE, ...rate);
  }
  if (cable.lossPercent > 0) {
    const nft = (...words: string[]): string => must(...inside(end), 'nft', ...words);
    nft('add', 'table', 'inet', 'wire');
    // Where packets come in: a sender hears of a packet that its own host drops.
    nft('add', 'chain', 'inet', 'wire', 'in', '{ type filter hook input priority 0; }');
    const came = ['iifname', DEVICE, 'counter'];
    nft('add', 'rule', 'inet', 'wire', 'in', ...came);
    const chosen = [
      'iifname',
      DEVICE,
      'numgen',
      'random',
      'mod',
      '100',
      '<',
      `${cable.lossPercent}`,
    ];
    nft('add', 'rule', 'inet', 'wire', 'in', ...chosen, 'counter', 'drop');
  }
}

/** The names of the namespaces there are. */
export function existing(): string[] {
  return must('ip', 'netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '');
}
