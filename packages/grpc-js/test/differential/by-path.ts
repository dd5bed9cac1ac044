// The parts that programs load by path and that do something: logging, filters, listeners, backoff.
// Not here: values (values.ts).

import type { FullListener, InterceptingListener } from '@grpc/grpc-js/build/src/call-interface';
import type { Filter } from '@grpc/grpc-js/build/src/filter';
import { type Deep, type Observation, type Observe, outcomeOf } from './observation.ts';

type Grpc = Parameters<Observe>[0];
type See = (name: string, act: () => unknown) => void;

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  logging(grpc, deep, see);
  loggingByEnvironment(deep, see);
  switches(deep, see);
  statusOr(grpc, deep, see);
  listeners(grpc, deep, see);
  backoff(deep, see);
  await filters(grpc, deep, seen);
  return seen;
};

function logging(grpc: Grpc, deep: Deep, see: See): void {
  const file = deep('logging') as typeof import('@grpc/grpc-js/build/src/logging');
  const { DEBUG, INFO, ERROR, NONE } = grpc.logVerbosity;
  const written = (logger: 'all' | 'error' | 'none', verbosity: number | undefined): unknown => {
    const lines: unknown[] = [];
    const into =
      (name: string) =>
      (...args: unknown[]) => {
        lines.push([name, ...args]);
      };
    const all = { error: into('error'), info: into('info'), debug: into('debug') };
    grpc.setLogger(logger === 'all' ? all : logger === 'error' ? { error: all.error } : {});
    if (verbosity !== undefined) grpc.setLogVerbosity(verbosity);
    for (const severity of [DEBUG, INFO, ERROR, NONE]) file.log(severity, 'text', severity);
    file.log(9 as typeof DEBUG, 'beyond');
    return lines;
  };
  see('lines at the default verbosity', () => written('all', undefined));
  for (const verbosity of [DEBUG, INFO, ERROR, NONE]) {
    see(`lines at verbosity ${verbosity}`, () => written('all', verbosity));
    see(`lines of a logger with error only at ${verbosity}`, () => written('error', verbosity));
    see(`lines of an empty logger at ${verbosity}`, () => written('none', verbosity));
  }
  see('getLogger', () => {
    const logger = { error: () => {} };
    grpc.setLogger(logger);
    return file.getLogger() === logger;
  });
  see('the logger is `this`', () => {
    const logger = {
      same: false,
      error(): void {
        logger.same = this === logger;
      },
    };
    grpc.setLogger(logger);
    grpc.setLogVerbosity(ERROR);
    file.log(ERROR, 'x');
    return logger.same;
  });
  see('the logger of the index is that of the file', () => {
    const lines: unknown[] = [];
    file.setLogger({ error: (...args: unknown[]) => lines.push(args) });
    file.setLoggerVerbosity(ERROR);
    file.log(ERROR, 1, 'two', { three: 3 });
    return lines;
  });
  see('no tracer is on', () => [file.isTracerEnabled('channel'), file.isTracerEnabled('all')]);
  see('a trace that is off writes nothing', () => {
    let count = 0;
    grpc.setLogger({ error: () => count++ });
    grpc.setLogVerbosity(DEBUG);
    file.trace(DEBUG, 'channel', 'text');
    grpc.setLogger(console);
    grpc.setLogVerbosity(ERROR);
    return count;
  });
}

/** Loads a file anew with an environment of its own. */
function loaded(deep: Deep, name: string, env: { readonly [key: string]: string }): unknown {
  const ending = new RegExp(`[\\\\/]build[\\\\/]src[\\\\/]${name}\\.js$`);
  for (const key of Object.keys(require.cache)) if (ending.test(key)) delete require.cache[key];
  Object.assign(process.env, env);
  try {
    return deep(name);
  } finally {
    for (const key of Object.keys(env)) delete process.env[key];
  }
}

function loggingByEnvironment(deep: Deep, see: See): void {
  const environments: readonly { readonly [key: string]: string }[] = [
    { GRPC_VERBOSITY: 'DEBUG' },
    { GRPC_VERBOSITY: 'info' },
    { GRPC_VERBOSITY: 'NONE' },
    { GRPC_VERBOSITY: 'nonsense' },
    { GRPC_VERBOSITY: '' },
    { GRPC_VERBOSITY: '0' },
    { GRPC_NODE_VERBOSITY: 'INFO', GRPC_VERBOSITY: 'NONE' },
    { GRPC_NODE_VERBOSITY: '', GRPC_VERBOSITY: 'DEBUG' },
    { GRPC_TRACE: 'channel' },
    { GRPC_TRACE: 'all', GRPC_VERBOSITY: 'DEBUG' },
    { GRPC_TRACE: 'all,-channel' },
    { GRPC_TRACE: '-channel,all' },
    { GRPC_TRACE: 'channel,subchannel' },
    { GRPC_TRACE: 'channel, subchannel' },
    { GRPC_TRACE: '-all,channel' },
    { GRPC_TRACE: 'ALL' },
    { GRPC_NODE_TRACE: 'subchannel', GRPC_TRACE: 'channel' },
  ];
  for (const env of environments) {
    see(`with ${JSON.stringify(env)}`, () => {
      const file = loaded(deep, 'logging', env) as typeof import('@grpc/grpc-js/build/src/logging');
      const lines: unknown[] = [];
      const into = (name: string) => (line: unknown) => {
        lines.push([name, anonymous(String(line))]);
      };
      file.setLogger({ error: into('error'), info: into('info'), debug: into('debug') });
      for (const severity of [0, 1, 2]) {
        file.log(severity, 'log');
        file.trace(severity, 'channel', 'trace');
      }
      return [
        ['channel', 'subchannel', 'all', ''].map((tracer) => file.isTracerEnabled(tracer)),
        lines,
      ];
    });
  }
  see('what the default logger writes', () => {
    const file = loaded(deep, 'logging', {}) as typeof import('@grpc/grpc-js/build/src/logging');
    const lines: unknown[] = [];
    const real = { ...console };
    for (const name of ['error', 'info', 'debug', 'log', 'warn'] as const) {
      console[name] = (...args: unknown[]) => {
        lines.push([name, ...args]);
      };
    }
    try {
      file.setLoggerVerbosity(0);
      for (const severity of [0, 1, 2]) file.log(severity, 'text', { more: 1 });
    } finally {
      Object.assign(console, real);
    }
    return lines;
  });
  see('keys of the default logger', () => {
    const file = loaded(deep, 'logging', {}) as typeof import('@grpc/grpc-js/build/src/logging');
    return Object.keys(file.getLogger()).sort();
  });
}

function anonymous(line: string): string {
  return line
    .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z/, 'TIME')
    .replace(/ v\d+\.\d+\.\d+ /, ' VERSION ')
    .replace(String(process.pid), 'PID');
}

function switches(deep: Deep, see: See): void {
  const names = ['GRPC_NODE_USE_ALTERNATIVE_RESOLVER', 'GRPC_NODE_DEBUG_SEND_ERROR_DETAILS'];
  for (const value of [undefined, 'true', 'false', 'TRUE', '1', '', 'yes']) {
    see(`switches at ${value}`, () => {
      const env = value === undefined ? [] : names.map((name) => [name, value]);
      return loaded(deep, 'environment', Object.fromEntries(env));
    });
  }
}

function statusOr(grpc: Grpc, deep: Deep, see: See): void {
  const file = deep('call-interface') as typeof import('@grpc/grpc-js/build/src/call-interface');
  see('statusOrFromValue', () => file.statusOrFromValue({ a: 1 }));
  see('statusOrFromError without metadata', () =>
    file.statusOrFromError({ code: grpc.status.ABORTED, details: 'd' }),
  );
  see('statusOrFromError with null metadata', () => {
    const result = file.statusOrFromError({ code: 1, details: 'd', metadata: null });
    return [result, !result.ok && result.error.metadata instanceof grpc.Metadata];
  });
  see('statusOrFromError with metadata', () => {
    const metadata = new grpc.Metadata();
    metadata.set('k', 'v');
    const error = { code: 1, details: 'd', metadata, more: 1 };
    const result = file.statusOrFromError(error);
    return [result, !result.ok && result.error.metadata === metadata, Object.is(result, error)];
  });
  see('isInterceptingListener', () => [
    file.isInterceptingListener({}),
    file.isInterceptingListener({ onReceiveMetadata: (_metadata, _next) => {} }),
    file.isInterceptingListener({ onReceiveMetadata: (_metadata: unknown) => {} }),
    file.isInterceptingListener({ onReceiveMessage: (_message: unknown) => {} }),
  ]);
}

function listeners(grpc: Grpc, deep: Deep, see: See): void {
  const file = deep('call-interface') as typeof import('@grpc/grpc-js/build/src/call-interface');
  const end = { code: 0, details: 'end', metadata: new grpc.Metadata() };
  // Each letter: an event (M, D, S) comes, or the one that is held (m, d, s) is passed on.
  const heard = (script: string): unknown => {
    const lines: string[] = [];
    const held = new Map<string, () => void>();
    const holding: FullListener = {
      onReceiveMetadata: (metadata, next) => {
        lines.push('saw metadata');
        held.set('m', () => next(metadata));
      },
      onReceiveMessage: (message, next) => {
        lines.push(`saw ${message}`);
        held.set('d', () => next(message));
      },
      onReceiveStatus: (status, next) => {
        lines.push('saw status');
        held.set('s', () => next(status));
      },
    };
    const last: InterceptingListener = {
      onReceiveMetadata: () => lines.push('metadata'),
      onReceiveMessage: (message) => lines.push(String(message)),
      onReceiveStatus: (status) => lines.push(status.details),
    };
    const listener = new file.InterceptingListenerImpl(holding, last);
    for (const step of script) {
      if (step === 'M') listener.onReceiveMetadata(new grpc.Metadata());
      else if (step === 'D') listener.onReceiveMessage('message');
      else if (step === 'N') listener.onReceiveMessage(null);
      else if (step === 'S') listener.onReceiveStatus(end);
      else held.get(step)?.();
    }
    return lines;
  };
  const scripts = ['MmDdSs', 'MDSmds', 'MDSdms', 'MDSsdm', 'MDSdsm', 'MDdSsm', 'MSsm', 'DdMmSs'];
  for (const script of [
    ...scripts,
    'Ss',
    'MSms',
    'MmDSsd',
    'MmDdDdSs',
    'NdMmSs',
    'MNdmSs',
    'MDmSsd',
  ]) {
    see(`listener ${script}`, () => heard(script));
  }
  see('listener MDSsmd', () => heard('MDSsmd'));
}

function backoff(deep: Deep, see: See): void {
  const { BackoffTimeout } = deep(
    'backoff-timeout',
  ) as typeof import('@grpc/grpc-js/build/src/backoff-timeout');
  // Delays as the timers are asked for them, with chance fixed.
  const delays = (random: number, runs: number, options?: object): unknown => {
    const real = { setTimeout: globalThis.setTimeout, random: Math.random };
    const asked: number[] = [];
    const fire: (() => void)[] = [];
    globalThis.setTimeout = ((act: () => void, ms: number) => {
      asked.push(Math.round(ms));
      fire.push(act);
      return real.setTimeout(() => {}, 0);
    }) as typeof setTimeout;
    Math.random = () => random;
    try {
      let called = 0;
      const timeout = new BackoffTimeout(() => {
        called++;
      }, options);
      fire.length = 0;
      asked.length = 0;
      for (let i = 0; i < runs; i++) {
        timeout.runOnce();
        fire.at(-1)?.();
      }
      const running = timeout.isRunning();
      timeout.reset();
      timeout.runOnce();
      const again = [running, timeout.isRunning()];
      timeout.stop();
      return [asked, called, again, timeout.isRunning()];
    } finally {
      globalThis.setTimeout = real.setTimeout;
      Math.random = real.random;
    }
  };
  see('delays in the middle', () => delays(0.5, 14));
  see('delays at the short end', () => delays(0, 6));
  see('delays at the long end', () => delays(0.999999, 14));
  see('delays by options', () =>
    delays(0.25, 6, { initialDelay: 10, multiplier: 3, jitter: 0.5, maxDelay: 500 }),
  );
  see('no jitter', () => delays(0, 4, { jitter: 0 }));
  see('a maximum below the first delay', () => delays(0.5, 4, { initialDelay: 100, maxDelay: 50 }));
  see('stop before it fires', () => {
    const timeout = new BackoffTimeout(() => {}, { initialDelay: 5000 });
    const states = [timeout.isRunning()];
    timeout.runOnce();
    states.push(timeout.isRunning());
    timeout.unref();
    timeout.ref();
    const end = timeout.getEndTime();
    const left = end.getTime() - Date.now();
    timeout.stop();
    states.push(timeout.isRunning());
    timeout.stop();
    return [states, end instanceof Date, left > 4000 && left <= 5000];
  });
  see('reset while it runs keeps running', () => {
    const timeout = new BackoffTimeout(() => {}, { initialDelay: 5000, multiplier: 100 });
    timeout.runOnce();
    timeout.stop();
    timeout.runOnce();
    const long = timeout.getEndTime().getTime() - Date.now();
    timeout.reset();
    const short = timeout.getEndTime().getTime() - Date.now();
    const running = timeout.isRunning();
    timeout.stop();
    return [long > 50_000, short <= 5000, running];
  });
}

async function filters(grpc: Grpc, deep: Deep, seen: Observation[]): Promise<void> {
  const { BaseFilter } = deep('filter') as typeof import('@grpc/grpc-js/build/src/filter');
  const stacks = deep('filter-stack') as typeof import('@grpc/grpc-js/build/src/filter-stack');
  class Base extends BaseFilter {}
  const status = { code: 0, details: '', metadata: new grpc.Metadata() };
  const named = (name: string): Filter => ({
    sendMetadata: async (metadata) => {
      (await metadata).add('path', name);
      return metadata;
    },
    receiveMetadata: (metadata) => {
      metadata.add('path', name);
      return metadata;
    },
    sendMessage: async (write) => ({ message: Buffer.from(`${(await write).message}${name}`) }),
    receiveMessage: async (message) => Buffer.from(`${await message}${name}`),
    receiveTrailers: (trailers) => ({ ...trailers, details: trailers.details + name }),
  });
  const through = async (filter: Filter): Promise<unknown> => [
    (await filter.sendMetadata(Promise.resolve(new grpc.Metadata()))).get('path'),
    filter.receiveMetadata(new grpc.Metadata()).get('path'),
    (await filter.sendMessage(Promise.resolve({ message: Buffer.from('') }))).message.toString(),
    (await filter.receiveMessage(Promise.resolve(Buffer.from('')))).toString(),
    filter.receiveTrailers(status).details,
  ];
  seen.push({ name: 'the base filter', value: await through(new Base()) });
  const stack = new stacks.FilterStack([named('a'), named('b')]);
  seen.push({ name: 'a stack', value: await through(stack) });
  stack.push([named('c'), named('d')]);
  seen.push({ name: 'a stack, pushed to', value: await through(stack) });
  seen.push({ name: 'its filters', value: stack.getFilters().length });
  seen.push({ name: 'an empty stack', value: await through(new stacks.FilterStack([])) });
  const factory = new stacks.FilterStackFactory([{ createFilter: () => named('a') }]);
  const copy = factory.clone();
  factory.push([{ createFilter: () => named('b') }, { createFilter: () => named('c') }]);
  seen.push({ name: 'a factory, pushed to', value: await through(factory.createFilter()) });
  seen.push({ name: 'its clone', value: await through(copy.createFilter()) });
}
