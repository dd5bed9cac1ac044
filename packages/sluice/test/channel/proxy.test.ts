// Which proxy a backend has: the channel's setting and the environment. gRFC A1 case 1.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkProxy, type Environment, proxyFor } from '#sluice/channel/proxy.js';

const URL_OF_PROXY = 'http://proxy.example:3128';

function proxy(host: string, environment: Environment, setting?: string | false): string {
  const found = proxyFor({ host, port: 50_051 }, setting, environment);
  return found === undefined ? 'direct' : `${found.host}:${found.port}`;
}

describe('the proxy of a backend', () => {
  it('is the first variable that is set; one that is empty says that there is none', () => {
    const all: Record<string, string> = {
      grpc_proxy: 'http://a:1',
      GRPC_PROXY: 'http://b:2',
      https_proxy: 'http://c:3',
      HTTPS_PROXY: 'http://d:4',
      http_proxy: 'http://e:5',
      HTTP_PROXY: 'http://f:6',
    };
    for (const [variable, url] of Object.entries(all)) {
      assert.equal(proxy('host', all), url.slice('http://'.length));
      assert.equal(proxy('host', { ...all, [variable]: '' }), 'direct');
      delete all[variable];
    }
    assert.equal(proxy('host', all), 'direct');
  });

  it('is not what a request to a CGI program could set', () => {
    const environment = { HTTP_PROXY: URL_OF_PROXY, REQUEST_METHOD: 'GET' };
    assert.equal(proxy('host', environment), 'direct');
  });

  it('is not asked for names that mean this machine', () => {
    for (const host of ['localhost', 'LOCALHOST', 'a.localhost', '127.0.0.1', '127.1.2.3', '::1']) {
      assert.equal(proxy(host, { http_proxy: URL_OF_PROXY }), 'direct', host);
    }
    assert.equal(proxy('notlocalhost', { http_proxy: URL_OF_PROXY }), 'proxy.example:3128');
  });

  const excluded: readonly (readonly [host: string, list: string, result: 'direct' | 'proxy'])[] = [
    ['host', '*', 'direct'],
    ['host', '', 'proxy'],
    ['a.example', 'example', 'direct'],
    ['a.example', '.example', 'direct'],
    ['a.example', '*.example', 'direct'],
    ['A.Example', 'a.eXample', 'direct'],
    ['example', '.example', 'direct'],
    ['an-example', 'example', 'proxy'],
    ['a.example', 'x, y z,a.example', 'direct'],
    ['a.example', 'a.example:50051', 'direct'],
    ['a.example', 'a.example:443', 'proxy'],
    ['10.1.2.3', '10.0.0.0/8', 'direct'],
    ['11.1.2.3', '10.0.0.0/8', 'proxy'],
    ['10.1.2.3', '10.1.2.3', 'direct'],
    ['10.1.2.3', '10.1.2.3:50051', 'direct'],
    ['10.1.2.3', '10.1.2.3:1', 'proxy'],
    ['10.1.2.3', '2.3', 'proxy'],
    ['2001:db8::1', '2001:db8::/32', 'direct'],
    ['2001:db9::1', '2001:db8::/32', 'proxy'],
    ['2001:db8::1', '2001:db8:0::0:1', 'direct'],
    ['2001:db8::1', '[2001:db8::1]:50051', 'direct'],
    ['10.1.2.3', '10.0.0.0/33,10.0.0.0/x,/,/8,10.0.0.0/', 'proxy'],
    ['a.example', '10.0.0.0/8', 'proxy'],
  ];
  for (const [host, list, result] of excluded) {
    it(`of ${host} with no_proxy="${list}" is ${result}`, () => {
      const expected = result === 'direct' ? 'direct' : 'proxy.example:3128';
      const environment = { https_proxy: URL_OF_PROXY, no_proxy: list };
      assert.equal(proxy(host, environment), expected);
    });
  }

  it('no_grpc_proxy stands for no_proxy where it is set', () => {
    const environment = { grpc_proxy: URL_OF_PROXY, no_grpc_proxy: 'other', no_proxy: 'host' };
    assert.equal(proxy('host', environment), 'proxy.example:3128');
    assert.equal(proxy('other', environment), 'direct');
  });

  it('the setting of the channel wins over the environment, in both directions', () => {
    const environment = { https_proxy: URL_OF_PROXY, no_proxy: '*' };
    assert.equal(proxy('localhost', environment, 'http://[::1]:8080'), '::1:8080');
    assert.equal(proxy('host', { https_proxy: URL_OF_PROXY }, false), 'direct');
  });

  it('has port 80 by default and may be written without a scheme', () => {
    assert.equal(proxy('host', { https_proxy: 'http://proxy.example' }), 'proxy.example:80');
    assert.equal(proxy('host', { https_proxy: 'proxy.example:3128/' }), 'proxy.example:3128');
  });

  it('user and password of its URL become a Basic authorization', () => {
    const to = (url: string): string | undefined =>
      proxyFor({ host: 'host', port: 1 }, url, {})?.authorization;
    const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
    assert.equal(to('http://me:p%40ss%C3%BC@proxy:1'), basic('me:p@ss\u00fc'));
    assert.equal(to('http://me:100%@proxy:1'), basic('me:100%'));
    assert.equal(to('http://me@proxy:1'), basic('me:'));
    assert.equal(to('http://proxy:1'), undefined);
  });

  for (const [url, shown] of [
    ['https://proxy.example:443', 'https://proxy.example:443'],
    ['socks5://me:secret@proxy.example:1', 'socks5://***@proxy.example:1'],
    ['me:secret@proxy.example:x', '***@proxy.example:x'],
    ['http://', 'http://'],
  ] as const) {
    it(`${shown} is refused, by the name of the variable and without its password`, () => {
      const cure = 'use "http://host:port", gRPC reaches proxies by plain HTTP CONNECT only';
      assert.throws(
        () => proxy('host', { https_proxy: url }),
        new TypeError(`https_proxy is "${shown}"; ${cure}`),
      );
      assert.throws(() => checkProxy(url), new TypeError(`proxy is "${shown}"; ${cure}`));
    });
  }

  it('a setting that is neither a URL nor false is refused', () => {
    checkProxy(undefined);
    checkProxy(false);
    checkProxy(URL_OF_PROXY);
    // What plain JavaScript may pass.
    const setting = true as unknown as string;
    assert.throws(
      () => checkProxy(setting),
      new TypeError('proxy is true; use "http://host:port", or false for none'),
    );
  });
});
