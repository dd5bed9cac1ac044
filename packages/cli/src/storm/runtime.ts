// What the storm needs of a gRPC runtime, and no more: a client that sends a unary call of bytes
// and reports its end once, and a server that answers when the clock lets it. Each runtime is
// loaded in processes of its own.

/** How deep the client's queues are now. Bytes are bytes, the rest are counts. */
export interface QueueDepths {
  queueItems: number;
  queueBytes: number;
  socketBytes: number;
  openStreams: number;
  waitingCalls: number;
}

/** Told once per call that was issued. */
export interface CallSink {
  /**
   * @param startedMs as passed to `call`
   * @param details the status details, empty for OK
   */
  ended(startedMs: number, code: number, details: string): void;
}

/** The client side. */
export interface ClientRuntime {
  /** Issues one unary call; its end goes to `sink`, even if it is refused at once. */
  call(payload: Buffer, startedMs: number, timeoutMs: number, sink: CallSink): void;
  /** Depths now; null where the runtime shows none. */
  depths(): QueueDepths | null;
}

/** Connects to a port of the loopback and resolves when calls can be sent. */
export type ConnectRuntime = (port: number) => Promise<ClientRuntime>;

/** Waits for the server's clock, then runs `answer`. */
export type AwaitTurn = (answer: () => void) => void;

/** Listens on an ephemeral port of the loopback and resolves to it. */
export type ServeRuntime = (awaitTurn: AwaitTurn) => Promise<number>;

export const METHOD_PATH = '/sluice.storm.Storm/Call';
