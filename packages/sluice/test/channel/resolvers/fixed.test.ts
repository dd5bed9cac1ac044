// Targets that say their addresses themselves. gRPC naming.md.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolverFactory } from '#sluice/channel/resolver.js';
import { parseTargetUri } from '#sluice/channel/target.js';
import { Resolving } from './heard.js';

const cases: readonly (readonly [target: string, authority: string, endpoints: string])[] = [
  ['ipv4:127.0.0.1:1', '127.0.0.1:1', '127.0.0.1:1'],
  ['ipv4:127.0.0.2,127.0.0.1:1', '127.0.0.2:443', '127.0.0.2:443 127.0.0.1:1'],
  ['ipv4:///127.0.0.1:1', '127.0.0.1:1', '127.0.0.1:1'],
  ['ipv6:[::1]:1,[::2]:2', '[::1]:1', '[::1]:1 [::2]:2'],
  ['ipv6:::1', '[::1]:443', '[::1]:443'],
  ['ipv6:[fe80::1%eth0]:1', '[fe80::1%eth0]:1', '[fe80::1%eth0]:1'],
  ['static:b.example:2, a.example:1', 'b.example:2', 'b.example:2 a.example:1'],
  ['static:[::1]:1,127.0.0.1:2,host', '[::1]:1', '[::1]:1 127.0.0.1:2 host:443'],
  ['unix:/run/a.sock', 'localhost', 'unix:/run/a.sock'],
  ['unix:///run/a.sock', 'localhost', 'unix:/run/a.sock'],
  ['UNIX:///run/a.sock', 'localhost', 'unix:/run/a.sock'],
  ['unix:relative.sock', 'localhost', 'unix:relative.sock'],
  ['unix-abstract:name', 'localhost', 'unix-abstract:name'],
];

describe('a target that says its addresses', () => {
  for (const [target, authority, endpoints] of cases) {
    it(`${target} is ${endpoints}, for ${authority}`, () => {
      const uri = parseTargetUri(target);
      const factory = resolverFactory(uri.scheme);
      assert.ok(factory !== undefined);
      assert.equal(factory.authority(uri), authority);
      const { heard, resolver } = new Resolving(factory, target);
      resolver.resolve();
      assert.deepEqual(heard.take(), [endpoints]);
    });
  }

  it('an abstract name begins with NUL, as connect(2) has it', () => {
    const uri = parseTargetUri('unix-abstract:name');
    const factory = resolverFactory(uri.scheme);
    assert.ok(factory !== undefined);
    const { heard, resolver } = new Resolving(factory, uri.text);
    resolver.resolve();
    const [address] = heard.resolutions[0]?.addresses ?? [];
    assert.deepEqual(address?.endpoint, { kind: 'unix', path: '\0name' });
  });

  it('is reported once, and never after close', () => {
    const factory = resolverFactory('ipv4');
    assert.ok(factory !== undefined);
    const asked = new Resolving(factory, 'ipv4:127.0.0.1:1');
    asked.resolver.resolve();
    asked.resolver.resolve();
    assert.equal(asked.heard.take().length, 1);
    const closed = new Resolving(factory, 'ipv4:127.0.0.1:1');
    closed.resolver.close();
    closed.resolver.resolve();
    assert.deepEqual(closed.heard.take(), []);
  });
});
