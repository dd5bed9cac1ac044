// The resolver of `dns:` targets against scripted answers: what it reports, when it asks again.
// gRPC naming.md, gRFC A2, A10, RFC 8305 §4.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ResolverFactory } from '#sluice/channel/resolver.js';
import { dnsResolverFactory } from '#sluice/channel/resolvers/dns.js';
import type { DnsClient } from '#sluice/channel/resolvers/dns-client.js';
import { parseTargetUri } from '#sluice/channel/target.js';
import { Resolving } from './heard.js';

type Answers = Partial<
  Record<'lookup' | 'resolve4' | 'resolve6', readonly string[] | Error> & {
    resolveTxt: readonly (readonly string[])[] | Error;
  }
>;

function noSuchName(): Error {
  return Object.assign(new Error('queryX ENOTFOUND'), { code: 'ENOTFOUND' });
}

/** Answers from a table, which a test may change; keeps what was asked. */
class ScriptedDns implements DnsClient {
  readonly asked: string[] = [];
  answers: Answers;

  constructor(answers: Answers) {
    this.answers = answers;
  }

  lookup(host: string): Promise<readonly string[]> {
    return this.answer('lookup', host, this.answers.lookup);
  }

  resolve4(host: string): Promise<readonly string[]> {
    return this.answer('resolve4', host, this.answers.resolve4);
  }

  resolve6(host: string): Promise<readonly string[]> {
    return this.answer('resolve6', host, this.answers.resolve6);
  }

  resolveTxt(name: string): Promise<readonly (readonly string[])[]> {
    return this.answer('resolveTxt', name, this.answers.resolveTxt);
  }

  cancel(): void {
    this.asked.push('cancel');
  }

  factory(environment: Record<string, string> = {}): ResolverFactory {
    const client = (server: string | undefined): DnsClient => {
      if (server !== undefined) this.asked.push(`server ${server}`);
      return this;
    };
    return dnsResolverFactory({ client, environment, hostname: 'this-host' });
  }

  private answer<T>(question: string, name: string, answer: T | Error | undefined): Promise<T> {
    this.asked.push(`${question} ${name}`);
    if (answer === undefined) return Promise.reject(noSuchName());
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }
}

function authorityOf(target: string): string {
  return dnsResolverFactory({ environment: {} }).authority(parseTargetUri(target));
}

describe('the authority of a dns target', () => {
  for (const [target, authority] of [
    ['host:1', 'host:1'],
    ['host', 'host:443'],
    ['dns://8.8.8.8/host:1', 'host:1'],
    ['dns://[2001:db8::53]:53/host:1', 'host:1'],
    ['[::1]:8080', '[::1]:8080'],
    ['dns:///[2001:db8::1]', '[2001:db8::1]:443'],
    ['b\u00fccher.example:1', 'xn--bcher-kva.example:1'],
  ] as const) {
    it(`${target} is ${authority}`, () => {
      assert.equal(authorityOf(target), authority);
    });
  }

  it('a DNS server by name is refused', () => {
    assert.throws(() => authorityOf('dns://ns.example/host:1'), {
      name: 'TypeError',
      message:
        'target "dns://ns.example/host:1" names the DNS server "ns.example"; name it by its address, as in "dns://8.8.8.8/host:port", or use "dns:///host:port" for the system\'s',
    });
  });
});

describe('resolving a name', () => {
  it('an IP address is reported inside resolve(), once, with no question', () => {
    const dns = new ScriptedDns({});
    for (const [target, endpoint] of [
      ['127.0.0.1:1', '127.0.0.1:1'],
      ['dns:///[::1]:2', '[::1]:2'],
    ] as const) {
      const { heard, resolver } = new Resolving(dns.factory(), target);
      resolver.resolve();
      resolver.resolve();
      assert.deepEqual(heard.take(), [endpoint]);
    }
    assert.deepEqual(dns.asked, []);
  });

  it('families alternate, the first stays first, and nothing is said twice', async () => {
    const lookup = ['::1', '::2', '::1', '::3', '10.0.0.1', '10.0.0.2'];
    const dns = new ScriptedDns({ lookup });
    const { heard, resolver } = new Resolving(dns.factory(), 'host:1');
    resolver.resolve();
    assert.deepEqual(heard.take(), []);
    await nextTurn();
    assert.deepEqual(heard.take(), ['[::1]:1 10.0.0.1:1 [::2]:1 10.0.0.2:1 [::3]:1']);
    assert.deepEqual(dns.asked, ['lookup host']);
  });

  it('a DNS server that the target names is asked for both families', async () => {
    const dns = new ScriptedDns({ resolve4: ['10.0.0.1'], resolve6: ['::1'] });
    const { heard, resolver } = new Resolving(dns.factory(), 'dns://8.8.8.8/host:1');
    resolver.resolve();
    await nextTurn();
    assert.deepEqual(heard.take(), ['[::1]:1 10.0.0.1:1']);
    assert.deepEqual(dns.asked, ['server 8.8.8.8:53', 'resolve6 host', 'resolve4 host']);
  });

  it('one family that has no addresses is no failure', async () => {
    const dns = new ScriptedDns({ resolve4: ['10.0.0.1'] });
    const { heard, resolver } = new Resolving(dns.factory(), 'dns://[::1]:5353/host:1');
    resolver.resolve();
    await nextTurn();
    assert.deepEqual(heard.take(), ['10.0.0.1:1']);
    assert.equal(dns.asked[0], 'server [::1]:5353');
  });

  it('asked again, it waits until 30 s after the answer, and asks once', async () => {
    const dns = new ScriptedDns({ lookup: ['10.0.0.1'] });
    const { clock, heard, resolver, wheel } = new Resolving(dns.factory(), 'host:1');
    resolver.resolve();
    resolver.resolve();
    await nextTurn();
    dns.answers = { lookup: ['10.0.0.2'] };
    resolver.resolve();
    resolver.resolve();
    clock.advance(29_900);
    await nextTurn();
    assert.deepEqual(heard.take(), ['10.0.0.1:1']);
    clock.advance(200);
    await nextTurn();
    assert.deepEqual(heard.take(), ['10.0.0.2:1']);
    assert.equal(dns.asked.length, 2);
    assert.equal(wheel.size, 0, 'asks by itself no more');
    clock.advance(60_000);
    resolver.resolve();
    assert.equal(dns.asked.length, 3);
  });

  it('after a failure it tries by itself, after 1 s growing by 1.6, and starts afresh', async () => {
    const dns = new ScriptedDns({ lookup: new Error('getaddrinfo EAI_AGAIN host') });
    const { clock, heard, resolver } = new Resolving(dns.factory(), 'host:1');
    resolver.resolve();
    await nextTurn();
    const error = 'error: cannot resolve host: getaddrinfo EAI_AGAIN host';
    assert.deepEqual(heard.take(), [error]);
    for (const wait of [1_000, 1_600, 2_560]) {
      resolver.resolve();
      clock.advance(wait - 10);
      await nextTurn();
      assert.deepEqual(heard.take(), []);
      clock.advance(20);
      await nextTurn();
      assert.deepEqual(heard.take(), [error]);
    }
    dns.answers = { lookup: ['10.0.0.1'] };
    clock.advance(5_000);
    await nextTurn();
    assert.deepEqual(heard.take(), ['10.0.0.1:1']);
    dns.answers = {};
    clock.advance(30_000);
    resolver.resolve();
    await nextTurn();
    assert.equal(heard.take().length, 1);
    clock.advance(1_010);
    await nextTurn();
    assert.equal(heard.take().length, 1);
  });

  it('no addresses and no answer are failures that name host and server', async () => {
    const dns = new ScriptedDns({ lookup: [] });
    const empty = new Resolving(dns.factory(), 'host:1');
    empty.resolver.resolve();
    const silent = new Resolving(dns.factory(), 'dns://8.8.8.8/host:1');
    silent.resolver.resolve();
    await nextTurn();
    assert.deepEqual(empty.heard.take(), ['error: cannot resolve host: no addresses']);
    assert.deepEqual(silent.heard.take(), [
      'error: cannot resolve host by the DNS server 8.8.8.8:53: queryX ENOTFOUND',
    ]);
  });

  it('after close nothing is said, asked or left in the wheel', async () => {
    const dns = new ScriptedDns({ lookup: ['10.0.0.1'] });
    const asking = new Resolving(dns.factory(), 'host:1');
    asking.resolver.resolve();
    asking.resolver.close();
    const failing = new Resolving(new ScriptedDns({}).factory(), 'host:1');
    failing.resolver.resolve();
    await nextTurn();
    assert.equal(failing.wheel.size, 1);
    failing.resolver.close();
    assert.equal(failing.wheel.size, 0);
    asking.resolver.resolve();
    await nextTurn();
    assert.deepEqual(asking.heard.take(), []);
    assert.deepEqual(dns.asked, ['lookup host', 'cancel']);
  });
});

describe('a service config in TXT records', () => {
  const record = (choices: unknown): string[][] => [
    ['v=spf1'],
    ['grpc_config=', ...(JSON.stringify(choices).match(/.{1,200}/g) ?? [])],
  ];
  const serviceConfig = { methodConfig: [{ name: [{}], waitForReady: true }] };

  async function configFor(
    resolveTxt: readonly (readonly string[])[] | Error | undefined,
    target = 'host:1',
  ): Promise<unknown> {
    const dns = new ScriptedDns({ lookup: ['10.0.0.1'], ...(resolveTxt && { resolveTxt }) });
    const { heard, resolver } = new Resolving(dns.factory(), target, { lookUpServiceConfig: true });
    resolver.resolve();
    await nextTurn();
    assert.equal(heard.resolutions.length, 1, heard.all.join());
    return heard.resolutions[0]?.serviceConfig;
  }

  it('is not asked for unless the channel wants it, nor for localhost', async () => {
    const dns = new ScriptedDns({ lookup: ['127.0.0.1'] });
    const plain = new Resolving(dns.factory(), 'host:1');
    plain.resolver.resolve();
    const local = new Resolving(dns.factory(), 'localhost:1', { lookUpServiceConfig: true });
    local.resolver.resolve();
    await nextTurn();
    assert.deepEqual(dns.asked, ['lookup host', 'lookup localhost']);
    const asking = new Resolving(dns.factory(), 'host:1', { lookUpServiceConfig: true });
    asking.resolver.resolve();
    assert.equal(dns.asked.at(-1), 'resolveTxt _grpc_config.host');
    asking.resolver.close();
  });

  it('comes with the addresses, joined from the parts of its record', async () => {
    assert.deepEqual(await configFor(record([{ serviceConfig }])), serviceConfig);
  });

  it('no record, no name and no choice for this client are no config', async () => {
    assert.equal(await configFor(undefined), undefined);
    assert.equal(await configFor([['v=spf1']]), undefined);
    assert.equal(await configFor(record([])), undefined);
    assert.equal(await configFor(record([{ clientLanguage: ['go'], serviceConfig }])), undefined);
  });

  it('the first choice that fits language, host and percentage is taken', async () => {
    const other = { loadBalancingConfig: [{ round_robin: {} }] };
    const choices = [
      { clientLanguage: ['go', 'c++'], serviceConfig: other },
      { clientHostname: ['This-Host'], serviceConfig: other },
      { percentage: 50, serviceConfig: other },
      { clientLanguage: ['Node'], clientHostname: ['this-host'], percentage: 51, serviceConfig },
      { serviceConfig: other },
    ];
    assert.deepEqual(await configFor(record(choices)), serviceConfig);
    const empty = [{ clientLanguage: [], clientHostname: [], serviceConfig }];
    assert.deepEqual(await configFor(record(empty)), serviceConfig);
  });

  for (const [what, choices, why] of [
    ['no list', {}, 'grpc_config is no list of choices'],
    ['no object', [1], 'grpc_config[0] is no object'],
    ['an unknown field', [{ region: [], serviceConfig }], 'grpc_config[0].region is not a field'],
    ['no config', [{}], 'grpc_config[0].serviceConfig is no object'],
    [
      'a percentage of 101',
      [{ percentage: 101, serviceConfig }],
      'grpc_config[0].percentage is 101',
    ],
    [
      'a language',
      [{ clientLanguage: 'node', serviceConfig }],
      'grpc_config[0].clientLanguage is no',
    ],
    [
      'a later choice',
      [{ serviceConfig }, { serviceConfig: { methodConfig: 1 } }],
      'methodConfig is 1',
    ],
  ] as const) {
    it(`a record that is not valid by ${what} is said, and the addresses are used`, async () => {
      const config = await configFor(record(choices));
      assert.ok(typeof config === 'string');
      assert.ok(config.startsWith(`TXT of _grpc_config.host is not valid: ${why}`), config);
    });
  }

  it('text that is no JSON, and a server that fails, are said', async () => {
    assert.match(String(await configFor([['grpc_config={']])), /: grpc_config is not JSON: /);
    assert.equal(
      await configFor(new Error('queryTxt ESERVFAIL')),
      'cannot look up TXT of _grpc_config.host: queryTxt ESERVFAIL',
    );
  });
});

describe('a name behind a proxy', () => {
  it('is not resolved: the one address is the proxy, which leads to it', () => {
    const dns = new ScriptedDns({});
    const factory = dns.factory({ https_proxy: 'http://me:secret@proxy.example:3128' });
    const { heard, resolver } = new Resolving(factory, 'host:1');
    resolver.resolve();
    assert.deepEqual(heard.take(), ['host:1 by proxy proxy.example:3128']);
    const [address] = heard.resolutions[0]?.addresses ?? [];
    assert.deepEqual(address?.endpoint, {
      kind: 'tcp',
      host: 'proxy.example',
      port: 3128,
      tunnel: { to: 'host:1', authorization: 'Basic bWU6c2VjcmV0' },
    });
    assert.deepEqual(dns.asked, []);
  });

  it('a proxy that cannot be used is an error and no direct connection', () => {
    const dns = new ScriptedDns({ lookup: ['10.0.0.1'] });
    const factory = dns.factory({ https_proxy: 'socks5://me:secret@proxy.example:1080' });
    const { heard, resolver } = new Resolving(factory, 'host:1');
    resolver.resolve();
    assert.deepEqual(heard.take(), [
      'error: https_proxy is "socks5://***@proxy.example:1080"; use "http://host:port", gRPC reaches proxies by plain HTTP CONNECT only',
    ]);
    assert.deepEqual(dns.asked, []);
    resolver.close();
    resolver.resolve();
    assert.deepEqual(heard.take(), []);
  });

  it('`proxy: false` goes around it', async () => {
    const dns = new ScriptedDns({ lookup: ['10.0.0.1'] });
    const factory = dns.factory({ https_proxy: 'http://proxy.example:3128' });
    const { heard, resolver } = new Resolving(factory, 'host:1', { proxy: false });
    resolver.resolve();
    await nextTurn();
    assert.deepEqual(heard.take(), ['10.0.0.1:1']);
  });
});
