// What a list of header fields must be taken for, said once more by regular expressions and filters
// over the whole list: the reference of the header-lists fuzzer. RFC 9113 §8.2, §8.3; gRPC
// PROTOCOL-HTTP2.md. Slow and obvious; it shares no code with src.

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const CONNECTION_SPECIFIC = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const HIDDEN = new Set([
  ...CONNECTION_SPECIFIC,
  'content-length',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-message-type',
  'grpc-status',
  'grpc-timeout',
  'host',
  'te',
  'trailer',
]);

export type Field = readonly [string, string];

export function pairs(flat: readonly string[]): Field[] {
  const fields: Field[] = [];
  for (let i = 0; i < flat.length; i += 2) fields.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return fields;
}

export function lastOf(fields: readonly Field[], name: string): string | undefined {
  return fields.findLast(([of]) => of === name)?.[1];
}

/** The fields that applications may read. */
export function visible(fields: readonly Field[]): string[] {
  return fields.filter(([name]) => !name.startsWith(':') && !HIDDEN.has(name)).flat();
}

/** Malformed by RFC 9113 §8.1.1, with these pseudo-headers allowed and those required. */
export function isMalformed(
  fields: readonly Field[],
  allowed: readonly string[],
  required: readonly string[],
): boolean {
  const pseudo = fields.filter(([name]) => name.startsWith(':'));
  const regular = fields.filter(([name]) => !name.startsWith(':'));
  const names = pseudo.map(([name]) => name);
  return (
    fields.slice(0, pseudo.length).some(([name]) => !name.startsWith(':')) ||
    names.some((name) => !allowed.includes(name)) ||
    new Set(names).size < names.length ||
    required.some((name) => !names.includes(name)) ||
    regular.some(([name]) => !NAME.test(name) || CONNECTION_SPECIFIC.has(name)) ||
    regular.some(([name, value]) => name === 'te' && value !== 'trailers') ||
    fields.some(([, value]) => /[\0\r\n]/.test(value))
  );
}

/** What a request is taken for: the kind of its head or of its fault. */
export function requestKind(fields: readonly Field[]): string {
  const count = (name: string): number => fields.filter(([of]) => of === name).length;
  if (count(':authority') > 1 || count('host') > 1) return 'http';
  const required = [':method', ':scheme', ':path'];
  if (isMalformed(fields, [...required, ':authority'], required)) return 'rst';
  const path = lastOf(fields, ':path') ?? '';
  if (!isGrpc(lastOf(fields, 'content-type') ?? '')) return path === '' ? 'rst' : 'foreign';
  if (fields.some(([name, value]) => name === 'grpc-timeout' && timeoutMs(value) < 0))
    return 'http';
  if (fields.some(([name, value]) => name.endsWith('-bin') && !isBase64List(value))) return 'http';
  if (lastOf(fields, ':method') !== 'POST') return 'http';
  if (!isMethodPath(path)) return 'status';
  return 'head';
}

function isMethodPath(path: string): boolean {
  const segments = path.split('/');
  if (segments[0] !== '' || segments.length < 3) return false;
  return segments
    .slice(1)
    .every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

export function isGrpc(contentType: string): boolean {
  return /^application\/grpc(?:\+[^;]*|\s*)(?:;.*)?$/is.test(contentType);
}

export function isBase64Text(text: string): boolean {
  return BASE64.test(text);
}

function isBase64List(value: string): boolean {
  return value.split(',').every((item) => BASE64.test(item.trim()));
}

/** Milliseconds of a `grpc-timeout`, -1 for what is none. */
export function timeoutMs(text: string): number {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  if (match === null) return -1;
  const value = Number(match[1]);
  switch (match[2]) {
    case 'H':
      return value * 3_600_000;
    case 'M':
      return value * 60_000;
    case 'S':
      return value * 1000;
    case 'm':
      return value;
    case 'u':
      return value / 1000;
    default:
      return value / 1_000_000;
  }
}

/** `grpc-message` decoded: runs of escapes are UTF-8, all else stays. */
export function messageText(text: string): string {
  let out = '';
  let run: number[] = [];
  const endRun = (): void => {
    out += Buffer.from(run).toString('utf8');
    run = [];
  };
  for (let i = 0; i < text.length; ) {
    const escaped = /^%([0-9A-Fa-f]{2})/.exec(text.slice(i, i + 3));
    if (escaped === null) {
      endRun();
      out += text.charAt(i);
      i++;
    } else {
      run.push(Number.parseInt(escaped[1] ?? '', 16));
      i += 3;
    }
  }
  endRun();
  return out;
}
