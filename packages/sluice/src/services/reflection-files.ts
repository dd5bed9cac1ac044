// Where the files of reflection come from: generated services of protoc-gen-es, definitions of
// @grpc/proto-loader, and what a program passes itself.
// Invariant: a family whose code holds no descriptors is no error; its files have to be passed.
// descriptor.proto of protobuf. Not here: what is asked of the files (descriptor-index.ts).

import { type DescFile, fromBinary } from '@bufbuild/protobuf';
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import type { AnyService } from '../service/any-service.ts';
import { grpcJsService } from '../service/grpc-js.ts';
import { isProtobufEsService } from '../service/protobuf-es.ts';
import type { DescriptorIndex } from './descriptor-index.ts';
import { linkFiles } from './loader-files.ts';

/**
 * Descriptors: a file of protoc-gen-es (`file_shop`), a FileDescriptorSet, or the bytes of one as
 * `buf build -o shop.binpb` and `protoc --include_imports --descriptor_set_out` write it.
 */
export type ReflectionDescriptors = DescFile | FileDescriptorSet | Uint8Array;

/**
 * Adds what a program passes.
 * @throws TypeError for what is no descriptor
 */
export function addDescriptors(index: DescriptorIndex, given: ReflectionDescriptors): void {
  for (const file of filesOf(given)) index.add(file);
}

function filesOf(given: ReflectionDescriptors): readonly FileDescriptorProto[] {
  if (given instanceof Uint8Array) return readSet(given).file;
  if ('kind' in given && given.kind === 'file') return withDependencies(given);
  if ('$typeName' in given && given.$typeName === FileDescriptorSetSchema.typeName) {
    return given.file;
  }
  throw new TypeError(
    'descriptors takes files of protoc-gen-es, FileDescriptorSets and the bytes of such',
  );
}

function readSet(bytes: Uint8Array): FileDescriptorSet {
  try {
    return fromBinary(FileDescriptorSetSchema, bytes);
  } catch (error) {
    const text = `${bytes.length} bytes of descriptors are no google.protobuf.FileDescriptorSet`;
    throw new TypeError(text, { cause: error });
  }
}

function withDependencies(file: DescFile): FileDescriptorProto[] {
  const files = new Set([file]);
  for (const one of files) for (const imported of one.dependencies) files.add(imported);
  return [...files].map(({ proto }) => proto);
}

/** Adds the files that the generated code of services holds. */
export function addFilesOf(index: DescriptorIndex, services: readonly AnyService[]): void {
  const loaded = new Set<Uint8Array>();
  for (const service of services) {
    if (isProtobufEsService(service)) {
      for (const file of withDependencies(service.file)) index.add(file);
      continue;
    }
    for (const method of Object.values(grpcJsService(service) ?? {})) {
      for (const type of ['requestType', 'responseType']) {
        for (const file of loaderFiles(Reflect.get(method, type))) loaded.add(file);
      }
    }
  }
  const files = [...loaded].map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  for (const file of linkFiles(files, index)) index.add(file);
}

// proto-loader puts the same list of all files it has loaded into every message type.
function loaderFiles(type: unknown): readonly Uint8Array[] {
  if (typeof type !== 'object' || type === null || !('fileDescriptorProtos' in type)) return [];
  const files: unknown = type.fileDescriptorProtos;
  return Array.isArray(files) ? files.filter((file) => file instanceof Uint8Array) : [];
}
