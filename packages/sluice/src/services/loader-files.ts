// Files of @grpc/proto-loader made whole. It writes one for each package, under a name of its own,
// without imports, with type names as short as their place allows and ranges that end too early.
// Invariants: of what is defined elsewhere already nothing is defined again, and a file imports
// exactly the others whose types it uses, by names that begin with a dot: clients link all files.
// descriptor.proto of protobuf.

import type {
  DescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/** Where types are defined that files of other origin bring. */
export interface KnownSymbols {
  /** The name of the file that defines a symbol, by its full name without a leading dot. */
  fileOf(symbol: string): string | undefined;
}

/**
 * Joins files of one name, leaves out what `known` has, and gives the rest its imports, in place.
 * @param files of one or several loads
 */
export function linkFiles(
  files: readonly FileDescriptorProto[],
  known: KnownSymbols,
): readonly FileDescriptorProto[] {
  const linker = new LoaderLinker(known);
  for (const file of files) linker.take(file);
  return linker.link();
}

/** A thing with a name in the scope of its package. */
interface Named {
  readonly name: string;
}

class LoaderLinker {
  private readonly known: KnownSymbols;
  private readonly files: Map<string, FileDescriptorProto>;
  /** Names of files by what they define, `.package.Message`. */
  private readonly homes: Map<string, string>;

  constructor(known: KnownSymbols) {
    this.known = known;
    this.files = new Map();
    this.homes = new Map();
  }

  take(file: FileDescriptorProto): void {
    const scope = scopeOf(file);
    const messageType = this.fresh(file.messageType, scope);
    const enumType = this.fresh(file.enumType, scope);
    const service = this.fresh(file.service, scope);
    const extension = this.fresh(file.extension, scope);
    for (const { name } of [...service, ...extension])
      this.homes.set(`${scope}.${name}`, file.name);
    for (const message of messageType) this.placeMessage(message, scope, file.name);
    for (const one of enumType) this.homes.set(`${scope}.${one.name}`, file.name);
    const joined = this.files.get(file.name);
    if (joined === undefined) {
      Object.assign(file, { messageType, enumType, service, extension });
      this.files.set(file.name, file);
      return;
    }
    joined.messageType.push(...messageType);
    joined.enumType.push(...enumType);
    joined.service.push(...service);
    joined.extension.push(...extension);
  }

  link(): FileDescriptorProto[] {
    const whole = [...this.files.values()].filter(isUsed);
    for (const file of whole) this.linkFile(file);
    return whole;
  }

  private fresh<T extends Named>(all: readonly T[], scope: string): T[] {
    return all.filter(({ name }) => this.homeOf(`${scope}.${name}`) === undefined);
  }

  private homeOf(type: string): string | undefined {
    return this.homes.get(type) ?? this.known.fileOf(type.slice(1));
  }

  private placeMessage(message: DescriptorProto, scope: string, file: string): void {
    const name = `${scope}.${message.name}`;
    this.homes.set(name, file);
    for (const nested of message.nestedType) this.placeMessage(nested, name, file);
    for (const one of message.enumType) this.homes.set(`${name}.${one.name}`, file);
  }

  private linkFile(file: FileDescriptorProto): void {
    const scope = scopeOf(file);
    const imported = new Set(file.dependency);
    for (const message of file.messageType) this.linkMessage(message, scope, imported);
    for (const field of file.extension) this.linkField(field, scope, imported);
    for (const { name, method: methods } of file.service) {
      for (const method of methods) {
        method.inputType = this.resolve(method.inputType, `${scope}.${name}`, imported);
        method.outputType = this.resolve(method.outputType, `${scope}.${name}`, imported);
      }
    }
    imported.delete(file.name);
    file.dependency = [...imported];
  }

  private linkMessage(message: DescriptorProto, outer: string, imported: Set<string>): void {
    const scope = `${outer}.${message.name}`;
    for (const field of message.field) this.linkField(field, scope, imported);
    for (const field of message.extension) this.linkField(field, scope, imported);
    for (const nested of message.nestedType) this.linkMessage(nested, scope, imported);
    // The ends are written as the last numbers inside; in a descriptor they are the first outside.
    message.reservedRange = [];
    for (const range of message.extensionRange) range.end += 1;
  }

  // Fields of proto2: to set one is to send it, and an empty name is none.
  private linkField(field: FieldDescriptorProto, scope: string, imported: Set<string>): void {
    const { typeName, extendee } = field;
    if (typeName !== '') field.typeName = this.resolve(typeName, scope, imported);
    if (extendee !== '') field.extendee = this.resolve(extendee, scope, imported);
  }

  /** The innermost type of this name, seen from `scope`; what is not found stays as it is. */
  private resolve(type: string, scope: string, imported: Set<string>): string {
    for (let from = type.startsWith('.') ? '' : scope; ; ) {
      const name = type.startsWith('.') ? type : `${from}.${type}`;
      const home = this.homeOf(name);
      if (home !== undefined) {
        imported.add(home);
        return name;
      }
      if (from === '') return type;
      from = from.slice(0, from.lastIndexOf('.'));
    }
  }
}

function scopeOf(file: FileDescriptorProto): string {
  return file.package === '' ? '' : `.${file.package}`;
}

function isUsed({ messageType, enumType, service, extension }: FileDescriptorProto): boolean {
  return messageType.length + enumType.length + service.length + extension.length > 0;
}
