// What a side of the comparison must be able to do. One file per side implements it with that
// library's own idiom; the loads (loads.ts) are the same for all. Messages are raw bytes.

/** Where the calls of a unary load end. One object per load, so that no side pays for closures. */
export interface UnaryListener {
  readonly onResponse: (response: Uint8Array) => void;
  readonly onFault: (fault: unknown) => void;
}

/** The same for typed calls: the total of the receipt. */
export interface TypedListener {
  readonly onResponse: (total: number) => void;
  readonly onFault: (fault: unknown) => void;
}

/** A server stream that runs until it is stopped. */
export interface Download {
  stop(): void;
}

export interface DownloadListener {
  onMessage(count: number): void;
  onFault(fault: unknown): void;
}

export interface ClientSide {
  readonly version: string;
  /** The function that starts one unary call at `path` for `listener`. */
  unaryCaller(path: string, listener: UnaryListener): (request: Buffer) => void;
  /** The function that starts one typed call; absent where a side has no generated code. */
  typedCaller?(listener: TypedListener): () => void;
  download(messageLength: number, listener: DownloadListener): Download;
  /** Sends `message` until `stopping`, at the library's pace; the bytes that the server saw. */
  upload(message: Buffer, stopping: () => boolean): Promise<number>;
  /** Opens a bidi stream, sends `message`, resolves when it came back, and keeps the stream. */
  openStream(message: Buffer): Promise<void>;
  /** Ends every kept stream and resolves when the server has ended them too. */
  closeStreams(): Promise<void>;
}

export interface ServerSide {
  readonly version: string;
  readonly port: number;
  /** Calls to HANG_PATH so far, none of which is ever answered. */
  received(): number;
}

export interface ClientOptions {
  readonly port: number;
  /**
   * For loads that hold more calls or bytes than a client admits by default: limits raised until
   * none acts. The throughput benchmarks run with the defaults.
   */
  readonly roomy: boolean;
}

export interface Side {
  startServer(): Promise<ServerSide>;
  startClient(options: ClientOptions): Promise<ClientSide>;
}
