// The .proto files of a server by what is asked of them: their names, the symbols and extensions they
// define, what they import.
// Invariants: of two files with one name the first is kept; a file is serialised when it is first
// sent. descriptor.proto of protobuf. Not here: where files come from (reflection-files.ts).

import { toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

/** A file, with its bytes once they were asked for. */
interface IndexedFile {
  readonly proto: FileDescriptorProto;
  bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** Files, found by name, symbol or extension. */
export class DescriptorIndex {
  private readonly files: Map<string, IndexedFile>;
  /** Names of files by the full names of what they define. */
  private readonly symbols: Map<string, string>;
  /** Names of files by extended message and number. */
  private readonly extensions: Map<string, Map<number, string>>;

  constructor() {
    this.files = new Map();
    this.symbols = new Map();
    this.extensions = new Map();
  }

  /** Without effect for a file whose name is known. */
  add(proto: FileDescriptorProto): void {
    if (this.files.has(proto.name)) return;
    this.files.set(proto.name, { proto, bytes: undefined });
    const file = proto.name;
    const scope = proto.package === '' ? '' : `${proto.package}.`;
    for (const message of proto.messageType) this.addMessage(message, scope, file);
    for (const one of proto.enumType) this.addEnum(one, scope, file);
    for (const field of proto.extension) this.addExtension(field, scope, file);
    for (const service of proto.service) {
      this.define(scope + service.name, file);
      for (const method of service.method)
        this.define(`${scope}${service.name}.${method.name}`, file);
    }
  }

  /** Whether there is a file of this name. */
  has(file: string): boolean {
    return this.files.has(file);
  }

  /** The name of the file that defines a symbol, by its full name without a leading dot. */
  fileOf(symbol: string): string | undefined {
    return this.symbols.get(symbol);
  }

  /** The name of the file that defines an extension of a message. */
  fileOfExtension(message: string, number: number): string | undefined {
    return this.extensions.get(message)?.get(number);
  }

  /** The numbers of a message's extensions, ascending. */
  extensionsOf(message: string): number[] {
    const known = this.extensions.get(message);
    return known === undefined ? [] : [...known.keys()].sort((a, b) => a - b);
  }

  /**
   * A file and all it imports, itself first, each a FileDescriptorProto. Imports that are in `sent`
   * are left out, and what is answered is added there; so are imports that are not known here.
   */
  withImports(name: string, sent: Set<string>): Uint8Array<ArrayBuffer>[] {
    const found: Uint8Array<ArrayBuffer>[] = [];
    const queue = [name];
    const seen = new Set(queue);
    for (const next of queue) {
      const file = this.files.get(next);
      if (file === undefined) continue;
      if (next === name || !sent.has(next)) {
        sent.add(next);
        file.bytes ??= toBinary(FileDescriptorProtoSchema, file.proto);
        found.push(file.bytes);
      }
      for (const imported of file.proto.dependency) {
        if (seen.has(imported)) continue;
        seen.add(imported);
        queue.push(imported);
      }
    }
    return found;
  }

  private define(symbol: string, file: string): void {
    if (!this.symbols.has(symbol)) this.symbols.set(symbol, file);
  }

  private addMessage(message: DescriptorProto, scope: string, file: string): void {
    const name = scope + message.name;
    this.define(name, file);
    const inner = `${name}.`;
    for (const field of message.field) this.define(inner + field.name, file);
    for (const oneof of message.oneofDecl) this.define(inner + oneof.name, file);
    for (const nested of message.nestedType) this.addMessage(nested, inner, file);
    for (const one of message.enumType) this.addEnum(one, inner, file);
    for (const field of message.extension) this.addExtension(field, inner, file);
  }

  // The values of an enum are its siblings.
  private addEnum(one: EnumDescriptorProto, scope: string, file: string): void {
    this.define(scope + one.name, file);
    for (const value of one.value) this.define(scope + value.name, file);
  }

  private addExtension(field: FieldDescriptorProto, scope: string, file: string): void {
    this.define(scope + field.name, file);
    const message = field.extendee.startsWith('.') ? field.extendee.slice(1) : field.extendee;
    const known = this.extensions.get(message) ?? new Map<number, string>();
    this.extensions.set(message, known);
    if (!known.has(field.number)) known.set(field.number, file);
  }
}
