// The interop cases that need no cloud account, in the order they run.
// Not here: what they do (cases.ts, and the peers in Go and Python).

/** Official names. */
export const INTEROP_CASES = [
  'empty_unary',
  'large_unary',
  'client_compressed_unary',
  'server_compressed_unary',
  'client_streaming',
  'client_compressed_streaming',
  'server_streaming',
  'server_compressed_streaming',
  'ping_pong',
  'empty_stream',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
] as const;

export type InteropCase = (typeof INTEROP_CASES)[number];
