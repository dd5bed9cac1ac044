// Filters in a row: what is sent passes from the first to the last, what is received the other way.
// Invariant: each filter sees what the one before it has made. Not here: any filter (filter.ts).

import type { StatusObject, WriteObject } from './call-interface.ts';
import type { Filter, FilterFactory } from './filter.ts';
import type { Metadata } from './metadata.ts';

export class FilterStack implements Filter {
  private readonly filters: Filter[];

  constructor(filters: Filter[]) {
    this.filters = filters;
  }

  sendMetadata(metadata: Promise<Metadata>): Promise<Metadata> {
    let result = metadata;
    for (const filter of this.filters) result = filter.sendMetadata(result);
    return result;
  }

  receiveMetadata(metadata: Metadata): Metadata {
    return this.filters.reduceRight((result, filter) => filter.receiveMetadata(result), metadata);
  }

  sendMessage(message: Promise<WriteObject>): Promise<WriteObject> {
    let result = message;
    for (const filter of this.filters) result = filter.sendMessage(result);
    return result;
  }

  receiveMessage(message: Promise<Buffer>): Promise<Buffer> {
    return this.filters.reduceRight((result, filter) => filter.receiveMessage(result), message);
  }

  receiveTrailers(status: StatusObject): StatusObject {
    return this.filters.reduceRight((result, filter) => filter.receiveTrailers(result), status);
  }

  /** Puts filters in front of those that are here. */
  push(filters: Filter[]): void {
    this.filters.unshift(...filters);
  }

  getFilters(): Filter[] {
    return this.filters;
  }
}

export class FilterStackFactory implements FilterFactory<FilterStack> {
  private readonly factories: Array<FilterFactory<Filter>>;

  constructor(factories: Array<FilterFactory<Filter>>) {
    this.factories = factories;
  }

  /** Puts factories in front of those that are here. */
  push(filterFactories: FilterFactory<Filter>[]): void {
    this.factories.unshift(...filterFactories);
  }

  clone(): FilterStackFactory {
    return new FilterStackFactory([...this.factories]);
  }

  createFilter(): FilterStack {
    return new FilterStack(this.factories.map((factory) => factory.createFilter()));
  }
}
