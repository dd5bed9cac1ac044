// Where this package differs from the original, on purpose or for now. The runner fails on a
// difference that is not here and on an entry that no longer differs; docs/grpc-js.md says the same
// in prose.

export interface KnownDifference {
  /** The program's file, without its ending. */
  readonly program: string;
  /** The observation's name. */
  readonly name: string;
  readonly reason: string;
  /** Seen on Nodes from this major version on; default all. */
  readonly since?: number;
  /** Seen on Nodes before this major version; default all. */
  readonly before?: number;
}

const NODE = Number.parseInt(process.versions.node, 10);

/** Those of a program, on this Node. */
export function knownDifferencesOf(program: string): KnownDifference[] {
  return KNOWN_DIFFERENCES.filter(
    (entry) =>
      entry.program === program &&
      NODE >= (entry.since ?? 0) &&
      NODE < (entry.before ?? Number.POSITIVE_INFINITY),
  );
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    program: 'by-path',
    name: 'listener MDSsmd',
    reason: 'the original passes the status on before the message, and once more after it',
  },
  {
    program: 'by-path',
    name: 'no jitter',
    reason: 'the original takes a jitter of 0 for none given, and uses 0.2',
  },
  {
    program: 'by-path',
    name: 'reset while it runs keeps running',
    reason:
      'the original makes a running timer longer, where it is to become as short as the first',
  },
  ...[1, 1000, 1_000_000, 5_000_000, 50_000_000].map((nanos) => ({
    program: 'values',
    name: `durationToString 3s ${nanos}`,
    reason: 'the original leaves out the zeros behind the point: "3.5s" for 3.005 seconds',
  })),
  ...['as header', 'as trailer', 'with an error'].map((how) => ({
    program: 'metadata-on-the-wire',
    name: `${how}: a user-agent`,
    reason: 'a field of requests, which a server that passes received metadata on does not send',
  })),
  {
    program: 'metadata-on-the-wire',
    name: 'what the server sees of nothing',
    reason: 'the runtime adds its own name and version to the user agent',
  },
  {
    program: 'metadata-on-the-wire',
    name: 'what the client sees of nothing',
    reason: 'content-type is a field of the protocol; it is checked and then not shown',
  },
  {
    program: 'credentials',
    name: "a client of Google's with the headers of fetch",
    reason: 'google-auth-library 10 answers with Headers, of which the original sends nothing',
  },
  {
    program: 'credentials-calls',
    name: 'a generator that gives text for an error',
    reason: 'the text is shown; the original says "undefined"',
  },
  {
    program: 'orca',
    name: 'a report that is none',
    reason: 'the original throws into the call for a report of a server that is no message',
  },
  ...['Twice', 'ThrowsLate'].map((name) => ({
    program: 'server-unary',
    name,
    reason:
      'the first answer of a handler counts; in the original a second one, or what it throws behind it, becomes the status',
  })),
  {
    program: 'server-unary',
    name: 'an empty message',
    reason:
      'a request that deserializes to "", 0, false or null is one, where the original finds none',
  },
  {
    program: 'server-streams',
    name: 'down: EndsAndThrows',
    reason:
      'a stream that its handler has ended is ended; in the original what it throws behind it becomes the status',
  },
  ...['Destroys', 'DestroysPlain', 'events of destroy', 'WritesAfterEnd'].map((name) => ({
    program: 'server-streams',
    name: `down: ${name}`,
    reason: 'a stream that its handler destroys ends its call, which in the original hangs',
  })),
  ...['destroys', 'events of destroy'].map((name) => ({
    program: 'server-streams',
    name: `both: ${name}`,
    reason: 'a stream that its handler destroys ends its call, which in the original hangs',
  })),
  {
    program: 'server-streams',
    name: 'both: the connection is lost',
    reason:
      'a connection that is lost is no "end" of the requests; in the original it is, before "cancelled"',
  },
  ...['x', '-1S', '123456789S'].map((timeout) => ({
    program: 'server-calls',
    name: `timeout ${timeout}`,
    reason: 'a grpc-timeout that the protocol does not know is refused, in words of our own',
  })),
  {
    program: 'server-calls',
    name: 'limit: received too large',
    reason: 'the details of a message that is too large name the limit and the option',
  },
  {
    program: 'server-ports',
    name: 'shut down: an injected connection',
    reason: 'a server that was shut down serves nothing more, by whatever way it comes in',
  },
  {
    program: 'server-interceptors',
    name: 'an interceptor that throws',
    reason:
      'ends the call besides the exception that nobody caught; in the original the call hangs',
  },
  {
    program: 'experimental-configs',
    name: 'method config {"name":[],"timeout":"1.5s"}',
    reason: 'the original takes the digits behind the point for nanoseconds: 1.000000005 seconds',
  },
  {
    program: 'experimental-resolvers',
    name: 'destroyed at once',
    reason: 'nothing is reported after destroy, as the interface has it',
  },
  {
    program: 'experimental-policies',
    name: 'round_robin: a second',
    reason:
      'the old list is given up once the new one is at work, and nothing is resolved again for it',
  },
  {
    program: 'experimental-policies',
    name: 'round_robin unresolved: no addresses',
    reason: 'an empty list fails calls, which in the original wait for their deadline',
  },
  ...['nothing before the first call', 'what the resolver was told'].map((name) => ({
    program: 'experimental-channels',
    name,
    reason: 'a resolver is made with the first call of its channel, not with the channel',
  })),
  {
    program: 'experimental-channels',
    name: 'no addresses',
    reason: 'an empty list fails calls; the original resolves again and again until their deadline',
  },
  {
    program: 'client-calls',
    name: 'unary: unknown code',
    reason: 'a code that gRPC does not have is UNKNOWN (gRPC statuscodes.md)',
  },
  ...['unary: cancelled at once', 'unary: cancelled twice', 'server stream: cancelled at once'].map(
    (name) => ({
      program: 'client-calls',
      name,
      reason: 'nothing follows the status; the original emits metadata behind it',
    }),
  ),
  ...[
    'server stream: destroyed',
    'server stream: an iteration that is left',
    'client stream: destroyed',
    'bidi: destroyed',
  ].map((name) => ({
    program: 'client-calls',
    name,
    reason: 'a stream that is destroyed cancels its call, which in the original goes on',
  })),
  {
    program: 'client-calls',
    name: 'client stream: cancelled after end',
    reason:
      'a message that may be sent is taken at once, so that finish comes before the cancellation',
  },
  ...['null metadata', 'undefined and callback'].map((name) => ({
    program: 'client-errors',
    name: `arguments of a unary call: ${name}`,
    reason:
      'options that are null or undefined are none; the original reads their fields and throws',
  })),
  {
    program: 'client-errors',
    name: 'by hand, unary: two messages',
    reason: 'the second message ends the call; in the original it waits for its deadline',
  },
  ...['unary', 'stream'].flatMap((kind) => [
    {
      program: 'client-errors',
      name: `by hand, ${kind}: OK without a text`,
      reason: 'OK has the details "OK", whether a server says so or, as most, does not',
    },
    {
      program: 'client-errors',
      name: `by hand, ${kind}: no grpc-status`,
      reason: 'trailers without grpc-status are none of gRPC, and not shown',
    },
    {
      program: 'client-errors',
      name: `by hand, ${kind}: a status that is none`,
      reason: 'the code is UNKNOWN; in the original it is NaN',
    },
    {
      program: 'client-errors',
      name: `by hand, ${kind}: a message that stops`,
      reason: 'half a message is an error; the original drops it and ends with OK',
    },
    ...['compressed without a name', 'compressed by an unknown encoding'].map((what) => ({
      program: 'client-errors',
      name: `by hand, ${kind}: ${what}`,
      reason: 'the error has a code and says why; that of the original has neither',
    })),
  ]),
  {
    program: 'client-errors',
    name: 'by hand: headers of what is no gRPC',
    reason: 'there is no event for the headers of a response that is not gRPC',
  },
  {
    program: 'client-interceptors',
    name: 'metadata held back longer than the message',
    reason: 'a changed message is sent as changed; the original sends the first one',
  },
  {
    program: 'client-wire',
    name: 'plain call: accept-encoding',
    reason: 'a field of HTTP that gRPC makes no use of',
  },
  {
    program: 'client-wire',
    name: 'metadata received',
    reason: 'content-type is a field of the protocol; it is checked and then not shown',
  },
  {
    program: 'client-context',
    name: 'context: server stream',
    reason:
      'all events come in the context of the caller, not the last ones in that of another call',
    before: 26,
  },
  {
    program: 'client-context',
    name: 'exceptions: from a listener of messages',
    reason: 'an uncaught exception, as from any other listener, and not an unhandled rejection',
  },
  ...['options that are null', 'no options'].map((name) => ({
    program: 'client-channel',
    name: `new Channel: ${name}`,
    reason: 'a channel may be made without options',
  })),
  {
    program: 'client-channel',
    name: 'ready: closed',
    reason: 'a channel that was closed stays closed; the original connects again when asked to',
  },
  {
    program: 'client-channel',
    name: 'ready: closed meanwhile',
    reason: 'told at once, and not when the deadline is over',
  },
  ...['request', 'response'].map((what) => ({
    program: 'client-service-config',
    name: `limits: ${what} too long`,
    reason: 'the limits of a service config hold; the original only checks that they are numbers',
  })),
  {
    program: 'client-keepalive',
    name: 'too many pings: what is logged',
    reason: 'what happens to connections is told by events of node:diagnostics_channel, not logged',
  },
  ...['idle time of 0', 'idle time of -1', 'age of 0', 'age of -1', 'age of Infinity'].map(
    (name) => ({
      program: 'server-keepalive',
      name,
      reason:
        'a time of 0 or less, or without end, is none; the original ends every connection at once',
    }),
  ),
  {
    program: 'client-connectivity',
    name: 'connections of two clients: another policy',
    reason: 'channels whose service configs differ may share a connection',
  },
  {
    program: 'client-connectivity',
    name: 'one address twice, and away',
    reason: 'an address that is listed twice is tried once; the original tries without end',
  },
  ...['life', 'idle'].map((what) => ({
    program: 'client-connectivity',
    name: `${what}: the connection ends`,
    reason: 'a channel that is closed or idle closes its connections, not some seconds later',
  })),
  ...['send', 'receive'].map((what) => ({
    program: 'client-limits',
    name: `grpc.max_${what}_message_length of -2`,
    reason: 'any length below 0 is no limit; the original takes no message at all for -2',
  })),
  ...['once', 'twice'].map((times) => ({
    program: 'client-limits',
    name: `refused: ${times}, without retries`,
    reason: 'a call that the server refused to process is sent once more, retries or not (gRFC A6)',
  })),
  ...['unary', 'stream'].flatMap((kind) => [
    ...[
      'content-type application/grpc-web',
      'content-type text/html',
      'content-type application/json',
      'no content-type',
    ].map((what) => ({
      program: 'client-limits',
      name: `response, ${kind}: ${what}`,
      reason: 'a response that does not say that it is gRPC is none (gRPC PROTOCOL-HTTP2.md)',
    })),
    ...['17', '100', '-1', '00'].map((code) => ({
      program: 'client-limits',
      name: `response, ${kind}: grpc-status ${code}`,
      reason: 'a code that gRPC does not have is UNKNOWN (gRPC statuscodes.md)',
    })),
    {
      program: 'client-limits',
      name: `response, ${kind}: grpc-message that is no UTF-8`,
      reason: 'bytes that are no UTF-8 are replaced; the original shows all as it was escaped',
    },
  ]),
  ...['pushback: text', 'pushback: 1.5', 'pushback: empty', 'hedged: told nonsense'].map(
    (name) => ({
      program: 'client-hedging',
      name,
      reason: 'a pushback that is no number of milliseconds asks for no more attempts (gRFC A6)',
    }),
  ),
  {
    program: 'client-hedging',
    name: 'hedged: told to stop by a slow one',
    reason: 'a hedge that asks for no more of them leaves those that are under way (gRFC A6)',
  },
  {
    program: 'client-hedging',
    name: 'throttled: told to stop',
    reason: 'an attempt whose server asks for no more of them costs a token (gRFC A6)',
  },
  {
    program: 'client-hedging',
    name: 'throttled: hedges',
    reason: 'throttling holds back hedges as it does retries (gRFC A6)',
  },
  {
    program: 'client-hedging',
    name: 'throttled: two clients of one server',
    reason: 'each channel has tokens of its own; in the original those to one target share them',
  },
  {
    program: 'compression',
    name: 'what the server says of encodings: gzip',
    reason: 'a server names the encodings that it takes where it refuses one, not in each reply',
  },
  {
    program: 'compression',
    name: 'what the server says of encodings: an unknown encoding',
    reason: 'a server names the encodings that it takes where it refuses one, not in each reply',
  },
  ...[
    'an unknown encoding',
    'damaged',
    'damaged deflate',
    'cut short',
    'large once decompressed',
    'large before',
  ].map((what) => ({
    program: 'compression',
    name: `served: ${what}`,
    reason: 'the details name the encoding and the fault, or the limit and the option',
  })),
  ...[
    'served: identity, and compressed',
    'served: no name, and compressed',
    'received, unary: a flag of 2',
    'received, stream: a flag of 2',
  ].map((name) => ({
    program: 'compression',
    name,
    reason: 'a flag that says what cannot be is an error (gRPC compression.md)',
  })),
  ...['unary', 'stream'].flatMap((kind) => [
    ...['identity, and compressed', 'an unknown encoding', 'an encoding in capitals'].map(
      (what) => ({
        program: 'compression',
        name: `received, ${kind}: ${what}`,
        reason: 'the error has a code and says why; that of the original has neither',
      }),
    ),
    {
      program: 'compression',
      name: `received, ${kind}: gzip of nothing`,
      reason: 'no bytes are an empty message, which some peers flag without compressing it',
    },
  ]),
  ...['target unix://authorityFOLDER/a.sock', 'nobody at dns:localhost:99999'].map((name) => ({
    program: 'client-targets',
    name,
    reason: 'a target that can name nothing is not tried; the code is the same, if there was one',
  })),
  {
    program: 'client-targets',
    name: 'nobody at :1',
    reason: 'a target that can name nothing is not tried; the code is the same, if there was one',
    before: 26,
  },
  ...[
    ...['none', 'default_authority', 'default_authority with a port', 'an empty default_authority']
      .flatMap((how) => [`127.0.0.1, TLS: ${how}`, `ipv4:127.0.0.1, TLS: ${how}`])
      .map((at) => ({ program: 'client-targets', name: `authority at ${at}` })),
    ...[
      'TLS by IPv4 address',
      'the name that is checked for an address',
      'the name that is checked for ipv4:',
      'a call with credentials, an address',
      'what credentials hear for an address',
    ].map((name) => ({ program: 'credentials-calls', name })),
  ].map((entry) => ({
    ...entry,
    reason: 'on Node 26 the original cannot connect to an address by TLS',
    since: 26,
  })),
  {
    program: 'client-targets',
    name: 'proxy: GRPC_PROXY',
    reason: 'the variables that name proxies may be written in capitals',
  },
  ...[
    'an address',
    'localhost',
    'ipv4:',
    'no_grpc_proxy "10.0.0.0/8" for an address',
    'no_grpc_proxy "127." for an address',
  ].map((what) => ({
    program: 'client-targets',
    name: `proxy: ${what}`,
    reason: 'no proxy of the environment is asked for a connection to this machine',
  })),
  {
    program: 'client-targets',
    name: 'proxy: an IPv6 address elsewhere',
    reason: 'proxies are asked for IPv6 addresses in brackets (RFC 9112 §3.2.3)',
  },
  {
    program: 'client-targets',
    name: 'proxy: user alone',
    reason: 'a colon stands behind a user without a password (RFC 7617 §2)',
  },
  ...['*.test', '*', 'end.test', 'backend.test:5000', 'BACKEND.TEST', 'other, backend.test'].map(
    (list) => ({
      program: 'client-targets',
      name: `proxy: no_grpc_proxy "${list}"`,
      reason:
        'lists of exceptions have "*", ports, capitals and blanks; a name means what is below it, not what ends like it',
    }),
  ),
];
