// The trailer `grpc-status-details-bin` of a server of Google's: google.rpc.Status with one detail of
// google.rpc.ErrorInfo, in the fields that a test asks for. Not here: who reads it.

import { protobuf } from 'google-gax';

const ROOT: protobuf.Root = protobuf.Root.fromJSON({
  nested: {
    Status: {
      fields: {
        code: { type: 'int32', id: 1 },
        message: { type: 'string', id: 2 },
        details: { rule: 'repeated', type: 'Detail', id: 3 },
      },
    },
    Detail: { fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
    ErrorInfo: { fields: { reason: { type: 'string', id: 1 }, domain: { type: 'string', id: 2 } } },
  },
});

function encode(type: string, fields: object): Buffer {
  return Buffer.from(ROOT.lookupType(type).encode(fields).finish());
}

export function errorInfo(code: number, reason: string, domain: string): Buffer {
  const typeUrl = 'type.googleapis.com/google.rpc.ErrorInfo';
  const details = [{ typeUrl, value: encode('ErrorInfo', { reason, domain }) }];
  return encode('Status', { code, message: reason, details });
}
