// The service config in a name's TXT records: which record it is, and which of its choices is meant
// for this client.
// Invariant: one choice that is not valid spoils the whole record, as gRFC A2 has it; no record, or
// none of the choices, is no config.
// Not here: what a service config may say (service-config.ts), asking for the records (dns.ts).

import { parseServiceConfig, type ServiceConfig } from '../service-config.ts';

/** Where the record of a host is found. */
export const RECORD_PREFIX: string = '_grpc_config.';

const ATTRIBUTE = 'grpc_config=';
/** As grpc-js names this platform, so that one record serves both. */
const LANGUAGE = 'node';

/** Who asks. */
export interface RecordReader {
  /** As the system has it, compared with letter case. */
  readonly hostname: string;
  /** 0 <= x < 100; below a choice's `percentage` the choice matches. Drawn once for a channel. */
  readonly percentage: number;
}

/**
 * The config that TXT records hold for this client, or undefined.
 * @param records each a list of strings to be joined
 * @throws TypeError or RangeError that says what is wrong with the record
 */
export function selectServiceConfig(
  records: readonly (readonly string[])[],
  reader: RecordReader,
): ServiceConfig | undefined {
  const record = records.map((parts) => parts.join('')).find((text) => text.startsWith(ATTRIBUTE));
  if (record === undefined) return undefined;
  const choices = parseJson(record.slice(ATTRIBUTE.length));
  if (!Array.isArray(choices)) throw new TypeError(`grpc_config is no list of choices`);
  let selected: ServiceConfig | undefined;
  choices.forEach((choice: unknown, index) => {
    const config = readChoice(choice, `grpc_config[${index}]`, reader);
    selected ??= config;
  });
  return selected;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TypeError(`grpc_config is not JSON: ${String(error)}`);
  }
}

// The choice's config when it is for this client; all of it is checked in any case.
function readChoice(
  choice: unknown,
  where: string,
  reader: RecordReader,
): ServiceConfig | undefined {
  if (typeof choice !== 'object' || choice === null || Array.isArray(choice)) {
    throw new TypeError(`${where} is no object`);
  }
  let matches = true;
  let serviceConfig: unknown;
  for (const [name, value] of Object.entries(choice)) {
    switch (name) {
      case 'clientLanguage':
        matches &&= matchesOne(value, `${where}.${name}`, (one) => one.toLowerCase() === LANGUAGE);
        break;
      case 'clientHostname':
        matches &&= matchesOne(value, `${where}.${name}`, (one) => one === reader.hostname);
        break;
      case 'percentage':
        if (!Number.isInteger(value) || value < 0 || value > 100) {
          throw new RangeError(
            `${where}.percentage is ${JSON.stringify(value)}; it must be an integer from 0 to 100`,
          );
        }
        matches &&= reader.percentage < value;
        break;
      case 'serviceConfig':
        serviceConfig = value;
        break;
      default:
        throw new TypeError(`${where}.${name} is not a field of a choice`);
    }
  }
  if (typeof serviceConfig !== 'object') throw new TypeError(`${where}.serviceConfig is no object`);
  const config = parseServiceConfig(serviceConfig);
  return matches ? config : undefined;
}

function matchesOne(value: unknown, where: string, test: (one: string) => boolean): boolean {
  if (!Array.isArray(value) || !value.every((one: unknown) => typeof one === 'string')) {
    throw new TypeError(`${where} is no list of strings`);
  }
  return value.length === 0 || value.some(test);
}
