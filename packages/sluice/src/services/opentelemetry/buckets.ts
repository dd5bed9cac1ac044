// Histogram boundaries: advice to the SDK, which a view of the program may override.
// Invariant: those of durations and sizes are gRPC's, so that clients and servers in other languages
// can be read on one graph. gRFC A66, gRFC A96. Not here: which instrument uses which.

/** Seconds. gRFC A66. */
export const LATENCY_BUCKETS: readonly number[] = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
  0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25,
  0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100,
];

/** Bytes. gRFC A66. */
export const SIZE_BUCKETS: readonly number[] = [
  0, 1_024, 2_048, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
  268_435_456, 1_073_741_824, 4_294_967_296,
];

/** Retries or hedges of one call. gRFC A96. */
export const RETRY_BUCKETS: readonly number[] = [1, 2, 3, 4, 5];

/** Transparent retries of one call. gRFC A96. */
export const TRANSPARENT_RETRY_BUCKETS: readonly number[] = [1, 2, 3, 4, 5, 10];
