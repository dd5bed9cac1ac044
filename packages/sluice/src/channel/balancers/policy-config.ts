// Reading the JSON configs of balancing policies.
// Invariant: a field is what its policy expects or is named in an error with its value.
// Field names are those of protobuf's JSON form. Not here: the service config around them
// (service-config.ts).

import { parseDuration } from '../service-config.ts';

/** The fields of one policy's config, or of a part of it. */
export class PolicyFields {
  /** The policy, and the field it lies in, for errors. */
  private readonly where: string;
  private readonly fields: Readonly<Record<string, unknown>>;

  /**
   * @param config undefined is an empty one
   * @throws TypeError when it is no object
   */
  constructor(config: unknown, where: string) {
    this.where = where;
    if (config === undefined) {
      this.fields = {};
    } else if (typeof config === 'object' && config !== null && !Array.isArray(config)) {
      // The fields are checked one by one as they are asked for.
      this.fields = config as Readonly<Record<string, unknown>>;
    } else {
      throw new TypeError(`${where} is ${JSON.stringify(config)}; it must be an object`);
    }
  }

  /** The field as it is; `null` is an absent one. */
  value(name: string): unknown {
    return this.fields[name] ?? undefined;
  }

  /** The field as errors name it. */
  nameOf(name: string): string {
    return `${this.where}.${name}`;
  }

  /** @throws TypeError unless it is a boolean */
  boolean(name: string, fallback: boolean): boolean {
    const value = this.value(name) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.wrongType(name, 'true or false');
  }

  /** @throws TypeError unless it is a string */
  string(name: string): string {
    const value = this.value(name) ?? '';
    if (typeof value === 'string') return value;
    throw this.wrongType(name, 'a string');
  }

  /**
   * A whole number, which JSON may hold as text where it has 64 bits.
   * @throws TypeError or RangeError unless it is one within `least` and `most`
   */
  integer(name: string, fallback: number, least: number, most: number): number {
    const value = this.value(name) ?? fallback;
    const number = typeof value === 'string' && /^\d{1,20}$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number') throw this.wrongType(name, 'a number');
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw this.wrongValue(name, `a whole number from ${least} to ${most}`);
  }

  /** @throws TypeError or RangeError unless it is a number of 0 or more */
  float(name: string, fallback: number): number {
    const value = this.value(name) ?? fallback;
    if (typeof value !== 'number') throw this.wrongType(name, 'a number');
    if (value >= 0 && value < Number.POSITIVE_INFINITY) return value;
    throw this.wrongValue(name, 'a number of 0 or more');
  }

  /**
   * Milliseconds of a duration like "1.5s".
   * @throws TypeError or RangeError unless it is one
   */
  duration(name: string, fallbackMs: number): number {
    const value = this.value(name);
    return value === undefined ? fallbackMs : parseDuration(value, this.nameOf(name));
  }

  wrongType(name: string, expected: string): TypeError {
    return new TypeError(this.complaint(name, expected));
  }

  wrongValue(name: string, expected: string): RangeError {
    return new RangeError(this.complaint(name, expected));
  }

  private complaint(name: string, expected: string): string {
    return `${this.nameOf(name)} is ${JSON.stringify(this.fields[name])}; it must be ${expected}`;
  }
}
