// Resolvers that programs make themselves, by createResolver, and what the registry says of targets.
// Not here: resolvers of channels (experimental-channels.ts).

import type * as resolvers from '@grpc/grpc-js/build/src/resolver';
import type { Endpoint } from '@grpc/grpc-js/build/src/subchannel-address';
import type { GrpcUri } from '@grpc/grpc-js/build/src/uri-parser';
import { settled } from '../support/policy-stage.ts';
import type { Observation, Observe } from './observation.ts';
import { outcomeOf } from './observation.ts';

type Grpc = Parameters<Observe>[0];
type Result = Parameters<resolvers.ResolverListener>;

const TARGETS: readonly GrpcUri[] = [
  { scheme: 'ipv4', path: '127.0.0.1:50051' },
  { scheme: 'ipv4', path: '127.0.0.1' },
  { scheme: 'ipv4', path: '127.0.0.1:1,127.0.0.2:2' },
  { scheme: 'ipv4', path: '127.0.0.1:x' },
  { scheme: 'ipv4', path: 'localhost:1' },
  { scheme: 'ipv4', path: '[::1]:1' },
  { scheme: 'ipv4', path: '127.0.0.1:1,nonsense' },
  { scheme: 'ipv4', authority: 'a', path: '127.0.0.1:1' },
  { scheme: 'ipv4', authority: '', path: '127.0.0.1:1' },
  { scheme: 'ipv6', path: '[::1]:50051' },
  { scheme: 'ipv6', path: '::1' },
  { scheme: 'ipv6', path: '[::1]' },
  { scheme: 'ipv6', path: '[::1]:1,[::2]:2' },
  { scheme: 'ipv6', path: '127.0.0.1:1' },
  { scheme: 'unix', path: 'a/b' },
  { scheme: 'unix', path: '/a/b' },
  { scheme: 'unix', authority: '', path: 'a/b' },
  { scheme: 'unix', authority: 'host', path: 'a/b' },
  { scheme: 'dns', path: '127.0.0.1:50051' },
  { scheme: 'dns', path: '127.0.0.1' },
  { scheme: 'dns', path: '[::1]:5' },
  { scheme: 'dns', path: '::1' },
  { scheme: 'dns', path: 'a:b:c' },
  { scheme: 'dns', path: '[::1' },
  { scheme: 'dns', path: 'name:port' },
  { scheme: 'dns', path: 'no-such-name.invalid:1' },
];
const WITHOUT_RESOLVER: readonly GrpcUri[] = [
  { path: 'localhost' },
  { scheme: 'nothing', path: 'x' },
  { scheme: 'nothing', authority: 'a', path: 'x' },
  { scheme: 'DNS', path: 'localhost' },
];

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const { getDefaultAuthority, mapUriDefaultScheme, ...others } = deep(
    'resolver',
  ) as typeof resolvers;
  for (const target of [...TARGETS, ...WITHOUT_RESOLVER]) {
    const name = JSON.stringify(target);
    seen.push(
      { name: `authority of ${name}`, value: outcomeOf(() => getDefaultAuthority(target)) },
      { name: `mapped ${name}`, value: outcomeOf(() => mapUriDefaultScheme(target)) },
    );
  }
  for (const target of TARGETS) {
    const name = `resolution of ${JSON.stringify(target)}`;
    seen.push({ name, value: await resolved(grpc, target) });
  }
  for (const target of WITHOUT_RESOLVER) {
    const value = outcomeOf(() => grpc.experimental.createResolver(target, () => true, {}));
    seen.push({ name: `no resolver of ${JSON.stringify(target)}`, value });
  }
  seen.push(
    { name: 'localhost', value: await hasLocalAddress(grpc) },
    { name: 'asked twice', value: await askedTwice(grpc) },
    { name: 'destroyed at once', value: await destroyed(grpc) },
    { name: 'asked again after destroy', value: await askedAgain(grpc) },
    { name: 'key', value: grpc.experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY },
    { name: 'another default', value: otherDefault({ mapUriDefaultScheme, ...others }) },
  );
  return seen;
};

function shown([endpoints, attributes, serviceConfig, note]: Result): unknown {
  if (endpoints.ok) return [endpoints, attributes, serviceConfig, note];
  const { code, details } = endpoints.error;
  return [{ code, details }, attributes, serviceConfig, note];
}

async function resolved(grpc: Grpc, target: GrpcUri): Promise<unknown> {
  const results: unknown[] = [];
  let arrived: () => void = () => {};
  const first = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  try {
    const resolver = grpc.experimental.createResolver(
      target,
      (...result) => {
        results.push(shown(result));
        arrived();
        return true;
      },
      { 'grpc.service_config_disable_resolution': 1 },
    );
    resolver.updateResolution();
    const atOnce = results.length;
    await first;
    resolver.destroy();
    return [atOnce, results];
  } catch (error) {
    return { threw: error instanceof Error ? error.message : error };
  }
}

async function hasLocalAddress(grpc: Grpc): Promise<unknown> {
  const endpoints = await new Promise<Endpoint[]>((resolve) => {
    const resolver = grpc.experimental.createResolver(
      { scheme: 'dns', path: 'localhost:7' },
      (result) => {
        resolve(result.ok ? result.value : []);
        return true;
      },
      {},
    );
    resolver.updateResolution();
  });
  return endpoints.some(({ addresses }) =>
    addresses.some((address) => 'host' in address && address.host === '127.0.0.1'),
  );
}

async function count(
  grpc: Grpc,
  act: (resolver: resolvers.Resolver, later: () => Promise<void>) => Promise<void>,
): Promise<number> {
  let results = 0;
  const resolver = grpc.experimental.createResolver(
    { scheme: 'ipv4', path: '127.0.0.1:1' },
    () => {
      results += 1;
      return true;
    },
    {},
  );
  await act(resolver, settled);
  await settled();
  return results;
}

function askedTwice(grpc: Grpc): Promise<number> {
  return count(grpc, async (resolver, later) => {
    resolver.updateResolution();
    await later();
    resolver.updateResolution();
  });
}

function destroyed(grpc: Grpc): Promise<number> {
  return count(grpc, async (resolver) => {
    resolver.updateResolution();
    resolver.destroy();
  });
}

function askedAgain(grpc: Grpc): Promise<number> {
  return count(grpc, async (resolver, later) => {
    resolver.updateResolution();
    await later();
    resolver.destroy();
    resolver.updateResolution();
  });
}

function otherDefault({
  registerDefaultScheme,
  mapUriDefaultScheme,
}: Pick<typeof resolvers, 'registerDefaultScheme' | 'mapUriDefaultScheme'>): unknown {
  registerDefaultScheme('unix');
  const mapped = mapUriDefaultScheme({ path: 'x' });
  registerDefaultScheme('dns');
  return mapped;
}
