// Switches that are read from the environment once, when this file is loaded.
// Invariant: "true" is on, everything else is off.

export const GRPC_NODE_USE_ALTERNATIVE_RESOLVER: boolean = isOn(
  'GRPC_NODE_USE_ALTERNATIVE_RESOLVER',
);

export const GRPC_NODE_DEBUG_SEND_ERROR_DETAILS: boolean = isOn(
  'GRPC_NODE_DEBUG_SEND_ERROR_DETAILS',
);

function isOn(name: string): boolean {
  return process.env[name] === 'true';
}
