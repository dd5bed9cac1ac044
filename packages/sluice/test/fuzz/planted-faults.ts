// The faults that `npm run fuzz -- --planted` puts into copies of the build, one at a time: the fuzzer of
// the target must find each. Lengths off by one, limits and evictions left out, credit counted wrong, a
// status that is lost, odd input that goes through.
// `find` stands in the built file exactly once; a fault whose text is not there is an error.

export interface PlantedFault {
  readonly target: string;
  /** Below dist. */
  readonly file: string;
  readonly find: string;
  readonly put: string;
  readonly what: string;
}

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    target: 'frames',
    file: 'frames/header-block.js',
    find: 'return this.length + length > this.limit ? BLOCK_TOO_LARGE : undefined;',
    put: 'return undefined;',
    what: 'CONTINUATION goes on a block past its limit',
  },
  {
    target: 'frames',
    file: 'frames/frame-reader.js',
    find: 'this.padding = 1 + this.padLeft;',
    put: 'this.padding = this.padLeft;',
    what: 'the pad length byte is not counted',
  },
  {
    target: 'frames',
    file: 'frames/frame-reader.js',
    find: 'Math.min(this.length, CONTROL_LENGTH)',
    put: 'this.length',
    what: 'GOAWAY longer than the scratch is waited for whole',
  },
  {
    target: 'frames',
    file: 'frames/settings.js',
    find: 'if (value > MAX_UINT31)',
    put: 'if (value > 2 ** 32)',
    what: 'INITIAL_WINDOW_SIZE above 2^31 - 1 passes',
  },
  {
    target: 'hpack',
    file: 'hpack/decoder.js',
    find: 'this.evictTo(this.table.capacity - size);',
    put: 'this.evictTo(this.table.capacity);',
    what: 'the decoder evicts one insertion late',
  },
  {
    target: 'hpack',
    file: 'hpack/decoder.js',
    find: 'if (size > this.maxTableSize)',
    put: 'if (size > this.maxTableSize + 1)',
    what: 'a table size update one above the limit passes',
  },
  {
    target: 'hpack',
    file: 'hpack/huffman.js',
    find: 'ones <= 7',
    put: 'ones <= 8',
    what: 'eight bits of Huffman padding pass',
  },
  {
    target: 'hpack',
    file: 'hpack/encoder.js',
    find: 'if (this.lowestSize < capacity) {',
    put: 'if (false) {',
    what: 'the encoder does not signal the lowest table size',
  },
  {
    target: 'message-framing',
    file: 'grpc/message-framing.js',
    find: 'this.length > this.maxMessageLength',
    put: 'this.length > this.maxMessageLength + 1',
    what: 'a message one byte above the limit is read',
  },
  {
    target: 'message-framing',
    file: 'grpc/message-framing.js',
    find: 'here * ARRIVED_FRACTION < length || ',
    put: '',
    what: 'a length prefix alone makes the reader take the memory',
  },
  {
    target: 'message-framing',
    file: 'grpc/message-framing.js',
    find: 'this.read += at - start;',
    put: '',
    what: 'prefixes are not counted as read',
  },
  {
    target: 'message-framing',
    file: 'grpc/message-framing.js',
    find: 'if (this.flag > 1)',
    put: 'if (this.flag > 2)',
    what: 'the compressed flag 2 passes',
  },
  {
    target: 'header-lists',
    file: 'transport/request-head.js',
    find: 'authorities > 1 || hosts > 1',
    put: 'authorities > 1',
    what: 'two host fields pass',
  },
  {
    target: 'header-lists',
    file: 'grpc/metadata.js',
    find: 'const json = Object.create(null);',
    put: 'const json = {};',
    what: 'a key "__proto__" reaches a prototype',
  },
  {
    target: 'header-lists',
    file: 'grpc/timeout.js',
    find: 'value = Math.ceil(ms / 1000);',
    put: 'value = Math.floor(ms / 1000);',
    what: 'a timeout is sent shorter than it is',
  },
  {
    target: 'conversation',
    file: 'transport/client-stream.js',
    find: 'this.finish(Status.UNAVAILABLE, error.reason, NO_FIELDS, !this.written);',
    put: '',
    what: 'calls on a lost connection get no status',
  },
  {
    target: 'conversation',
    file: 'transport/client-transport.js',
    find: 'this.connection.streams.size - this.endedStreams >= this.peerMaxStreams',
    put: 'this.connection.streams.size - this.endedStreams > this.peerMaxStreams',
    what: "one stream more than the server's MAX_CONCURRENT_STREAMS",
  },
  {
    target: 'conversation',
    file: 'transport/transport-in-flow.js',
    find: 'return unacked;',
    put: 'return unacked - 1;',
    what: 'a byte of connection credit is lost each time',
  },
  {
    target: 'conversation',
    file: 'transport/loopy-writer.js',
    find: 'Math.min(MAX_FRAME, streamQuota, this.sendQuota, left)',
    put: 'Math.min(MAX_FRAME, this.sendQuota, left)',
    what: "DATA overruns a stream's window",
  },
  {
    target: 'conversation',
    file: 'transport/receive-credit.js',
    find: 'this.unread -= dropped;',
    put: '',
    what: 'what a reset stream left unread stays in the account',
  },
];
