// What a program can reach in the published package can be reached in ours: names, enums, methods, deep
// paths, and how the package loads. The lists are generated from the published package as installed, so
// that a new version of it fails here by itself.
// Not here: types (types.test.ts) and behaviour (differential.test.ts).

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type * as Published from '@grpc/grpc-js';
import { OURS, PUBLISHED, packageFolder, runNode } from './betterments/child.ts';
import { Declarations } from './surface/declarations.ts';
import { deepPaths } from './surface/deep-paths.ts';
import {
  clientMethods,
  handlersThatAreWrapped,
  wrappedRequests,
} from './surface/instrumentation.ts';
import { missingFrom, surfaceOf } from './surface/surface-of.ts';

type Grpc = typeof Published;

/** A module by its name, of which nothing is known. */
function load(name: string): Record<string, unknown> {
  return require(name) as Record<string, unknown>;
}

/** One of the two, by the types of the published one: that it has them is what types.test.ts shows. */
function grpcOf(name: string): Grpc {
  return require(name) as Grpc;
}

const publishedFolder: string = join(require.resolve(`${PUBLISHED}/package.json`), '..');
const declarations: Declarations = new Declarations(join(publishedFolder, 'build', 'src'));
const privates: ReadonlyMap<string, ReadonlySet<string>> = declarations.privates();

/** Both modules' lines of what can be reached by `path`. */
function linesOf(path: string): { readonly published: string[]; readonly ours: string[] } {
  return {
    published: surfaceOf('', load(`${PUBLISHED}${path}`), privates),
    ours: surfaceOf('', load(`${OURS}${path}`), privates),
  };
}

describe('what can be reached', () => {
  it('has every name, member and method of the index and of experimental', () => {
    const { published, ours } = linesOf('');
    assert.ok(published.length > 300, `${published.length} lines: the comparison sees too little`);
    for (const line of [
      '.status.DEADLINE_EXCEEDED = 4',
      '.Server.prototype.bindAsync: function',
      '.credentials.createSsl: function',
      '.experimental.ChildLoadBalancerHandler.prototype.exitIdle: function',
    ]) {
      assert.ok(published.includes(line), line);
    }
    assert.deepEqual(missingFrom(published, ours), []);
  });

  it('is found missing where it is: a name, a method, a member of an enum', () => {
    const { StatusBuilder, ...index } = load(PUBLISHED);
    class Metadata {
      clone(): void {}
    }
    const ours = { ...index, Metadata, status: { OK: 0, 0: 'OK' } };
    const missing = missingFrom(linesOf('').published, surfaceOf('', ours, privates));
    assert.equal(typeof StatusBuilder, 'function');
    assert.ok(missing.includes('.StatusBuilder: function'));
    assert.ok(missing.includes('.Metadata.prototype.merge: function'));
    assert.ok(!missing.includes('.Metadata.prototype.clone: function'));
    assert.ok(missing.includes('.status.CANCELLED = 1'));
  });

  for (const path of deepPaths) {
    it(`has every name of build/src/${path}`, () => {
      const { published, ours } = linesOf(`/build/src/${path}`);
      assert.ok(published.length > 1);
      assert.deepEqual(missingFrom(published, ours), []);
    });
  }

  it('is the same thing by a deep path as by the index', () => {
    const index = load(OURS);
    for (const [path, name, alias = name] of [
      ['metadata', 'Metadata'],
      ['client', 'Client'],
      ['constants', 'Status', 'status'],
      ['constants', 'LogVerbosity', 'logVerbosity'],
      ['connectivity-state', 'ConnectivityState', 'connectivityState'],
      ['compression-algorithms', 'CompressionAlgorithms', 'compressionAlgorithms'],
      ['channel-credentials', 'ChannelCredentials'],
      ['call-credentials', 'CallCredentials'],
      ['server-credentials', 'ServerCredentials'],
      ['make-client', 'makeClientConstructor'],
    ] as const) {
      assert.equal(load(`${OURS}/build/src/${path}`)[name], index[alias], `${path} ${name}`);
    }
  });
});

describe('how it loads', () => {
  it('is of a version that ranges for the published one take', () => {
    const { version } = load(`${OURS}/package.json`);
    const [major, minor, patch] = String(version).split('.').map(Number);
    assert.equal(major, 1);
    assert.ok((minor ?? 0) > 14 || (minor === 14 && (patch ?? 0) >= 7), String(version));
  });

  it('resolves deep paths with and without their ending', () => {
    for (const path of deepPaths) {
      const file = require.resolve(`${OURS}/build/src/${path}.js`);
      assert.equal(require.resolve(`${OURS}/build/src/${path}`), file);
    }
  });

  it('has every name as a named export of an import', async () => {
    const names = Object.keys(load(PUBLISHED));
    const program = `
      import { ${names.join(', ')} } from '${OURS}';
      import whole from '${OURS}';
      import * as all from '${OURS}';
      import { Metadata as Deep } from '${OURS}/build/src/metadata.js';
      console.log(JSON.stringify({
        same: [${names.join(', ')}].every((value, i) => value === whole[${JSON.stringify(names)}[i]]),
        deep: Deep === all.Metadata,
      }));`;
    const { stdout, stderr } = await runNode(['--input-type=module', '--eval', program]);
    assert.equal(stderr, '');
    assert.deepEqual(JSON.parse(stdout), { same: true, deep: true });
  });

  it('lets every export be replaced, by assignment and by definition', () => {
    const module = load(OURS);
    for (const name of Object.keys(load(PUBLISHED))) {
      const before = module[name];
      const wrapped = (): void => {};
      module[name] = wrapped;
      assert.equal(load(OURS)[name], wrapped, `${name} by assignment`);
      Object.defineProperty(module, name, {
        configurable: true,
        enumerable: true,
        writable: true,
        value: before,
      });
      assert.equal(load(OURS)[name], before, `${name} by definition`);
    }
  });
});

describe('what instrumentation holds on to', () => {
  it('gives client methods that can be listed, with what they call', () => {
    const published = clientMethods(grpcOf(PUBLISHED));
    assert.equal(published.methods.length, 8);
    assert.deepEqual(clientMethods(grpcOf(OURS)), published);
  });

  it("runs what took a handler's place after its registration", async () => {
    const published = await handlersThatAreWrapped(grpcOf(PUBLISHED));
    assert.ok(published.length > 0);
    assert.deepEqual(await handlersThatAreWrapped(grpcOf(OURS)), published);
  });

  it('makes the requests of generated clients by the methods of Client', () => {
    assert.deepEqual(wrappedRequests(grpcOf(OURS)), wrappedRequests(grpcOf(PUBLISHED)));
  });
});

/** A second copy of ours, as a nested install has one: the same files, loaded again. */
function secondCopy(): Grpc {
  const folder = join(packageFolder, 'build', 'src');
  const kept = new Map<string, NodeJS.Module>();
  for (const [path, module] of Object.entries(require.cache)) {
    if (!path.startsWith(folder) || module === undefined) continue;
    kept.set(path, module);
    delete require.cache[path];
  }
  const copy = grpcOf(OURS);
  for (const path of Object.keys(require.cache)) {
    if (path.startsWith(folder)) delete require.cache[path];
  }
  for (const [path, module] of kept) require.cache[path] = module;
  return copy;
}

describe('objects of another copy of the package', () => {
  const bytes = (value: Buffer): Buffer => value;
  const echo = {
    echo: {
      path: '/test.Surface/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  } as const;
  const grpc = grpcOf(OURS);
  let copy: Grpc;
  let server: Published.Server;
  let port: number;

  before(async () => {
    copy = secondCopy();
    server = new grpc.Server();
    server.addService(echo, {
      echo: (
        call: Published.ServerUnaryCall<Buffer, Buffer>,
        callback: Published.sendUnaryData<Buffer>,
      ) => {
        const trailer = new copy.Metadata();
        trailer.set('seen', String(call.metadata.get('from')[0]));
        callback(null, call.request, trailer);
      },
    });
    const credentials = copy.ServerCredentials.createInsecure();
    port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  });

  after(() => server.forceShutdown());

  it('is another copy', () => {
    assert.notEqual(copy.Metadata, grpc.Metadata);
    assert.equal(grpcOf(OURS).Metadata, grpc.Metadata);
  });

  it('are taken: channel credentials, metadata, options, interceptors, a channel', async () => {
    const interceptor: Published.Interceptor = (options, nextCall) =>
      new copy.InterceptingCall(nextCall(options), {
        start(metadata, listener, next) {
          metadata.set('from', 'the copy');
          next(metadata, listener);
        },
      });
    const client = new grpc.Client(`127.0.0.1:${port}`, copy.credentials.createInsecure());
    const second = new copy.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      channelOverride: client.getChannel(),
    });
    for (const caller of [client, second]) {
      const seen = await new Promise<unknown>((resolve, reject) => {
        const call = caller.makeUnaryRequest(
          echo.echo.path,
          bytes,
          bytes,
          Buffer.from('x'),
          new copy.Metadata(),
          { interceptors: [interceptor] },
          (error) => error && reject(error),
        );
        call.on('status', (status) => resolve(status.metadata.get('seen')));
      });
      assert.deepEqual(seen, ['the copy']);
    }
    client.close();
  });

  it('are composed: call credentials with channel credentials', () => {
    const call = copy.credentials.createFromMetadataGenerator((_options, callback) =>
      callback(null, new copy.Metadata()),
    );
    const combined = grpc.credentials.combineChannelCredentials(grpc.credentials.createSsl(), call);
    assert.equal(combined._isSecure(), true);
    const both = grpc.credentials.combineCallCredentials(call, grpc.credentials.createEmpty());
    assert.equal(typeof both.generateMetadata, 'function');
  });
});

describe('a client that nobody closed does not hold the process', () => {
  const begin = (name: string, target: string): string => `
    const grpc = require('${name}');
    const bytes = (value) => value;
    const client = new grpc.Client('${target}', grpc.credentials.createInsecure());`;

  it('that never made a call', async () => {
    const { code, killed } = await runNode(['--eval', begin(OURS, '127.0.0.1:1')]);
    assert.deepEqual({ code, killed }, { code: 0, killed: false });
  });

  it('after a call, and after it was ready', async () => {
    const grpc = grpcOf(OURS);
    const bytes = (value: Buffer): Buffer => value;
    const server = new grpc.Server();
    server.register(
      '/a.B/C',
      (
        call: Published.ServerUnaryCall<Buffer, Buffer>,
        callback: Published.sendUnaryData<Buffer>,
      ) => callback(null, call.request),
      bytes,
      bytes,
      'unary',
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    try {
      const program = `${begin(OURS, `127.0.0.1:${port}`)}
        client.waitForReady(Date.now() + 5000, () => {
          client.makeUnaryRequest('/a.B/C', bytes, bytes, Buffer.from('x'), (error, value) => {
            console.log(error ?? String(value));
          });
        });`;
      const { stdout, code, killed } = await runNode(['--eval', program]);
      assert.deepEqual({ stdout, code, killed }, { stdout: 'x\n', code: 0, killed: false });
    } finally {
      server.forceShutdown();
    }
  });
});
