// The states of a channel, as numbers that programs compare with.
// Source: gRPC connectivity-semantics-and-api.md. Not here: what moves a channel between them.

export enum ConnectivityState {
  IDLE = 0,
  CONNECTING = 1,
  READY = 2,
  TRANSIENT_FAILURE = 3,
  SHUTDOWN = 4,
}
