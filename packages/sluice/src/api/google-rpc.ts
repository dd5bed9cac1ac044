/// <reference types="node" preserve="true" />
// The entry point `sluice/google-rpc`: the standard messages of error details, for use with
// `statusErrorWithDetails` and `findDetails`.
// Generated from proto/google/rpc; names and numbers are those of googleapis.

export {
  type BadRequest,
  type BadRequest_FieldViolation,
  BadRequest_FieldViolationSchema,
  BadRequestSchema,
  type DebugInfo,
  DebugInfoSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type Help,
  type Help_Link,
  Help_LinkSchema,
  HelpSchema,
  type LocalizedMessage,
  LocalizedMessageSchema,
  type PreconditionFailure,
  type PreconditionFailure_Violation,
  PreconditionFailure_ViolationSchema,
  PreconditionFailureSchema,
  type QuotaFailure,
  type QuotaFailure_Violation,
  QuotaFailure_ViolationSchema,
  QuotaFailureSchema,
  type RequestInfo,
  RequestInfoSchema,
  type ResourceInfo,
  ResourceInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from '../gen/google/rpc/error_details_pb.ts';
export {
  type Status as RpcStatus,
  StatusSchema as RpcStatusSchema,
} from '../gen/google/rpc/status_pb.ts';
