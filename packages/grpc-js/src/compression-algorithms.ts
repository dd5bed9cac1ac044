// The values of the option `grpc.default_compression_algorithm`.
// Source: gRPC compression.md. The names are those of `grpc-encoding`.

export enum CompressionAlgorithms {
  identity = 0,
  deflate = 1,
  gzip = 2,
}
