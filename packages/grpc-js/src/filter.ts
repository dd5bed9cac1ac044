// Filters: what may change the metadata, messages and status of a call on their way.
// They are types and a base for those who write their own; calls of this package have none.

import type { StatusObject, WriteObject } from './call-interface.ts';
import type { Metadata } from './metadata.ts';

export interface Filter {
  sendMetadata(metadata: Promise<Metadata>): Promise<Metadata>;
  receiveMetadata(metadata: Metadata): Metadata;
  sendMessage(message: Promise<WriteObject>): Promise<WriteObject>;
  receiveMessage(message: Promise<Buffer>): Promise<Buffer>;
  receiveTrailers(status: StatusObject): StatusObject;
}

/** Changes nothing. */
export abstract class BaseFilter implements Filter {
  async sendMetadata(metadata: Promise<Metadata>): Promise<Metadata> {
    return metadata;
  }

  receiveMetadata(metadata: Metadata): Metadata {
    return metadata;
  }

  async sendMessage(message: Promise<WriteObject>): Promise<WriteObject> {
    return message;
  }

  async receiveMessage(message: Promise<Buffer>): Promise<Buffer> {
    return message;
  }

  receiveTrailers(status: StatusObject): StatusObject {
    return status;
  }
}

export interface FilterFactory<T extends Filter> {
  createFilter(): T;
}
