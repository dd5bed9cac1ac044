// Whether a decoded field section is well-formed (RFC 9113 §8.2, §8.3): names, values and
// pseudo-headers of a flat list [name, value, name, value, ...]. A malformed one is a stream error of
// type PROTOCOL_ERROR (RFC 9113 §8.1.1). It runs once per block that is not cached, so it makes no
// garbage: every answer is a constant. What gRPC asks of the fields beyond that is the grpc layer's.

/** Why a field section is malformed. */
export const FieldFault = {
  EMPTY_NAME: 'empty field name',
  UPPERCASE_NAME: 'uppercase letter in a field name',
  INVALID_NAME: 'invalid character in a field name',
  INVALID_VALUE: 'NUL, CR or LF in a field value',
  PADDED_VALUE: 'white space around a field value',
  UNKNOWN_PSEUDO: 'pseudo-header that is unknown or not allowed here',
  DUPLICATE_PSEUDO: 'pseudo-header given twice',
  DUPLICATE_AUTHORITY: ':authority given twice',
  LATE_PSEUDO: 'pseudo-header after a regular field',
  MISSING_PSEUDO: 'required pseudo-header missing',
  CONNECTION_SPECIFIC: 'connection-specific field',
  TE_NOT_TRAILERS: 'te other than trailers',
} as const;

/** One of the reasons above. */
export type FieldFault = (typeof FieldFault)[keyof typeof FieldFault];

const METHOD = 1;
const SCHEME = 2;
const PATH = 4;
const AUTHORITY = 8;
const STATUS = 16;

/** Which pseudo-headers a field section may and must have, as bits. */
export interface PseudoRules {
  readonly allowed: number;
  readonly required: number;
}

/**
 * RFC 9113 §8.3.1. CONNECT, which has no :scheme and :path, counts as malformed: gRPC never uses it,
 * and no code behind this needs to ask whether there is a path.
 */
export const REQUEST_PSEUDO: PseudoRules = {
  allowed: METHOD | SCHEME | PATH | AUTHORITY,
  required: METHOD | SCHEME | PATH,
};

/** RFC 9113 §8.3.2. */
export const RESPONSE_PSEUDO: PseudoRules = { allowed: STATUS, required: STATUS };

/** RFC 9113 §8.1: trailers have none. */
export const TRAILERS_PSEUDO: PseudoRules = { allowed: 0, required: 0 };

// What may stand in a name: tchar of RFC 9110 §5.6.2 without uppercase (RFC 9113 §8.2.1).
const VALID = 1;
const UPPERCASE = 2;
const NAME_CHARACTER: Uint8Array = nameCharacters();

function nameCharacters(): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
    table[character.charCodeAt(0)] = VALID;
  }
  for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') {
    table[character.charCodeAt(0)] = UPPERCASE;
  }
  return table;
}

/** What is wrong with a request's header section, if anything. Never throws. */
export function requestFault(fields: readonly string[]): FieldFault | undefined {
  return validateFieldNames(fields, REQUEST_PSEUDO);
}

/** What is wrong with a response's header section, if anything. Never throws. */
export function responseFault(fields: readonly string[]): FieldFault | undefined {
  return validateFieldNames(fields, RESPONSE_PSEUDO);
}

/** What is wrong with a trailer section, if anything. Never throws. */
export function trailersFault(fields: readonly string[]): FieldFault | undefined {
  return validateFieldNames(fields, TRAILERS_PSEUDO);
}

/**
 * Checks a field section.
 *
 * @param fields - name, value, name, value, ...
 * @returns the first fault found, in the order of the fields; undefined if it is well-formed.
 *   PADDED_VALUE only if nothing else is wrong: gRPC peers do send it (`grpc-message` leaves spaces as
 *   they are), so a caller may choose to accept that one
 */
export function validateFieldNames(
  fields: readonly string[],
  pseudo: PseudoRules,
): FieldFault | undefined {
  let seen = 0;
  let regular = false;
  let padded = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    if (name.charCodeAt(0) === 0x3a) {
      if (regular) return FieldFault.LATE_PSEUDO;
      const bit = pseudoBit(name);
      if ((bit & pseudo.allowed) === 0) return FieldFault.UNKNOWN_PSEUDO;
      if ((bit & seen) !== 0) {
        return bit === AUTHORITY ? FieldFault.DUPLICATE_AUTHORITY : FieldFault.DUPLICATE_PSEUDO;
      }
      seen |= bit;
    } else {
      regular = true;
      const fault = nameFault(name) ?? connectionSpecificFault(name, value);
      if (fault !== undefined) return fault;
    }
    if (hasIllegalCharacter(value)) return FieldFault.INVALID_VALUE;
    padded ||= isPadded(value);
  }
  if ((seen & pseudo.required) !== pseudo.required) return FieldFault.MISSING_PSEUDO;
  return padded ? FieldFault.PADDED_VALUE : undefined;
}

function pseudoBit(name: string): number {
  switch (name) {
    case ':method':
      return METHOD;
    case ':scheme':
      return SCHEME;
    case ':path':
      return PATH;
    case ':authority':
      return AUTHORITY;
    case ':status':
      return STATUS;
    default:
      return 0;
  }
}

function nameFault(name: string): FieldFault | undefined {
  if (name.length === 0) return FieldFault.EMPTY_NAME;
  for (let i = 0; i < name.length; i++) {
    const kind = NAME_CHARACTER[name.charCodeAt(i)];
    if (kind === VALID) continue;
    return kind === UPPERCASE ? FieldFault.UPPERCASE_NAME : FieldFault.INVALID_NAME;
  }
  return undefined;
}

/** RFC 9113 §8.2.2. The length is asked first: nearly every name is ruled out by it. */
function connectionSpecificFault(name: string, value: string): FieldFault | undefined {
  switch (name.length) {
    case 2:
      if (name === 'te' && value !== 'trailers') return FieldFault.TE_NOT_TRAILERS;
      return undefined;
    case 7:
      return name === 'upgrade' ? FieldFault.CONNECTION_SPECIFIC : undefined;
    case 10:
      return name === 'connection' || name === 'keep-alive'
        ? FieldFault.CONNECTION_SPECIFIC
        : undefined;
    case 16:
      return name === 'proxy-connection' ? FieldFault.CONNECTION_SPECIFIC : undefined;
    case 17:
      return name === 'transfer-encoding' ? FieldFault.CONNECTION_SPECIFIC : undefined;
    default:
      return undefined;
  }
}

function hasIllegalCharacter(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x0d && (code === 0 || code === 0x0a || code === 0x0d)) return true;
  }
  return false;
}

function isPadded(value: string): boolean {
  return isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1));
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
