/// <reference types="node" preserve="true" />
// The entry point `sluice/reflection`: server reflection, by which grpcurl and its kind learn what a
// server serves without its .proto files. Versions v1 and v1alpha, which have the same messages.
// Invariants: requests of a stream are answered in their order, one at a time; services that are
// added later are found too. gRPC server-reflection.md. Not here: the files (reflection-files.ts).

import { ServerReflection } from '../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionV1Alpha } from '../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { Server } from '../server/server.ts';
import type { AnyService } from '../service/any-service.ts';
import { DescriptorIndex } from './descriptor-index.ts';
import { addDescriptors, addFilesOf, type ReflectionDescriptors } from './reflection-files.ts';
import { serviceName } from './service-name.ts';

export { type ReflectionDescriptors, ServerReflection, ServerReflectionV1Alpha };

/** Options of `addReflection`. */
export interface ReflectionOptions {
  /**
   * Descriptors beyond those that generated code holds. Services of protoc-gen-es and proto-loader
   * need none; those of ts-proto and protobuf-ts, and methods added by their paths, do.
   */
  readonly descriptors?: readonly ReflectionDescriptors[] | undefined;
  /** Services to list beyond those that the server was given with `add`. */
  readonly services?: readonly (string | AnyService)[] | undefined;
}

/**
 * Adds server reflection, v1 and v1alpha: `addReflection(server)`. Whoever reaches the server may
 * then read the descriptors of all its services.
 * @throws Error if the server has reflection already; TypeError for descriptors that are none
 */
export function addReflection(server: Server, options: ReflectionOptions = {}): void {
  const reflected = new ReflectedServer(server, options);
  server.add(ServerReflection, {
    serverReflectionInfo: (requests) => answers(requests, reflected),
  });
  server.add(ServerReflectionV1Alpha, {
    serverReflectionInfo: (requests) => answers(requests, reflected),
  });
}

// A request, of either version.
interface ReflectionRequest {
  readonly host: string;
  readonly messageRequest: Question;
}

type Question =
  | { readonly case: 'fileByFilename'; readonly value: string }
  | { readonly case: 'fileContainingSymbol'; readonly value: string }
  | {
      readonly case: 'fileContainingExtension';
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: 'allExtensionNumbersOfType'; readonly value: string }
  | { readonly case: 'listServices'; readonly value: string }
  | { readonly case: undefined; readonly value?: undefined };

type Answer =
  | { case: 'fileDescriptorResponse'; value: { fileDescriptorProto: Uint8Array<ArrayBuffer>[] } }
  | {
      case: 'allExtensionNumbersResponse';
      value: { baseTypeName: string; extensionNumber: number[] };
    }
  | { case: 'listServicesResponse'; value: { service: { name: string }[] } }
  | { case: 'errorResponse'; value: { errorCode: number; errorMessage: string } };

interface ReflectionResponse<R> {
  validHost: string;
  originalRequest: R;
  messageResponse: Answer;
}

async function* answers<R extends ReflectionRequest>(
  requests: AsyncIterable<R>,
  reflected: ReflectedServer,
): AsyncGenerator<ReflectionResponse<R>, void, undefined> {
  const sent = new Set<string>();
  for await (const request of requests) {
    const messageResponse = reflected.answer(request.messageRequest, sent);
    yield { validHost: request.host, originalRequest: request, messageResponse };
  }
}

/** What a server can tell of its services. */
class ReflectedServer {
  private readonly server: Server;
  private readonly descriptors: readonly ReflectionDescriptors[];
  private readonly listed: readonly (string | AnyService)[];
  private index: DescriptorIndex;
  /** How many services the server had when the index was made. */
  private indexed: number;

  constructor(server: Server, options: ReflectionOptions) {
    this.server = server;
    this.descriptors = options.descriptors ?? [];
    this.listed = options.services ?? [];
    this.index = this.madeIndex();
    this.indexed = server.services.length;
  }

  /** @param sent names of the files that went out on this stream before */
  answer(question: Question, sent: Set<string>): Answer {
    if (this.indexed !== this.server.services.length) {
      this.index = this.madeIndex();
      this.indexed = this.server.services.length;
    }
    const { index } = this;
    switch (question.case) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: this.names() } };
      case 'fileByFilename': {
        const name = index.has(question.value) ? question.value : undefined;
        return this.files(name, `file ${question.value}`, sent);
      }
      case 'fileContainingSymbol':
        return this.files(index.fileOf(question.value), question.value, sent);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = question.value;
        const name = index.fileOfExtension(containingType, extensionNumber);
        return this.files(name, `extension ${extensionNumber} of ${containingType}`, sent);
      }
      case 'allExtensionNumbersOfType':
        return this.extensions(question.value);
      default:
        throw new StatusError(
          Status.INVALID_ARGUMENT,
          'the reflection request asks for nothing; set one field of message_request',
        );
    }
  }

  private madeIndex(): DescriptorIndex {
    const index = new DescriptorIndex();
    for (const given of this.descriptors) addDescriptors(index, given);
    const listed = this.listed.filter((service) => typeof service !== 'string');
    addFilesOf(index, [...this.server.services, ...listed]);
    return index;
  }

  private names(): { name: string }[] {
    const names = new Set([...this.server.services, ...this.listed].map(serviceName));
    return [...names].sort().map((name) => ({ name }));
  }

  private files(file: string | undefined, what: string, sent: Set<string>): Answer {
    if (file === undefined) return missing(what);
    const fileDescriptorProto = this.index.withImports(file, sent);
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
  }

  private extensions(message: string): Answer {
    const extensionNumber = this.index.extensionsOf(message);
    if (extensionNumber.length === 0 && this.index.fileOf(message) === undefined) {
      return missing(message);
    }
    const value = { baseTypeName: message, extensionNumber };
    return { case: 'allExtensionNumbersResponse', value };
  }
}

function missing(what: string): Answer {
  const errorMessage = `this server has no descriptor of ${what}; pass it to addReflection there`;
  return { case: 'errorResponse', value: { errorCode: Status.NOT_FOUND, errorMessage } };
}
