// The files below build/src that programs and libraries import by their path, and which so are part of
// the package's surface although it never documented them.

export const deepPaths: readonly string[] = [
  'constants',
  'metadata',
  'server-call',
  'call',
  'make-client',
  'connectivity-state',
  'server-credentials',
  'client',
  'channel-credentials',
  'call-credentials',
  'certificate-provider',
  'compression-algorithms',
  'duration',
  'logging',
];
