// grpc-js as a client of the standard services, which it loads from the .proto files of this package.

import { fileURLToPath } from 'node:url';
import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { type AnyDefinition, loadSync, type ServiceDefinition } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../../proto/', import.meta.url));

type Loaded = MethodDefinition<object, object>;

/** What proto-loader makes of one service. */
export function loadService(file: string, name: string): ServiceDefinition {
  const loaded = loadSync(file, { includeDirs: [PROTO], longs: String, enums: String });
  const definition: AnyDefinition | undefined = loaded[name];
  if (definition === undefined || 'format' in definition) throw new Error(`no service ${name}`);
  return definition;
}

/** Calls of one service. */
export class GrpcJsCaller {
  private readonly client: Client;
  private readonly service: ServiceDefinition;

  constructor(file: string, name: string, port: number) {
    this.service = loadService(file, name);
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  unary(name: string, request: object): Promise<object | undefined> {
    const { path, requestSerialize, responseDeserialize } = this.method(name);
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        (error, response) => {
          if (error === null) resolve(response);
          else reject(error);
        },
      );
    });
  }

  serverStreaming(name: string, request: object): AsyncIterable<object> {
    const { path, requestSerialize, responseDeserialize } = this.method(name);
    return this.client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    );
  }

  async bidi(name: string, requests: readonly object[]): Promise<object[]> {
    const { path, requestSerialize, responseDeserialize } = this.method(name);
    const call = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    for (const request of requests) call.write(request);
    call.end();
    const responses: object[] = [];
    for await (const response of call) responses.push(response);
    return responses;
  }

  close(): void {
    this.client.close();
  }

  private method(name: string): Loaded {
    const found = this.service[name];
    if (found === undefined) throw new Error(`no method ${name}`);
    return found;
  }
}
