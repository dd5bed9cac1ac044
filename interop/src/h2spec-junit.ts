// Reads the JUnit file that h2spec writes with `-j`: the outcome of each of its cases.
// Not an XML parser: it takes what this one program writes, and knows nothing else.

/** One case of h2spec. */
export interface H2specCase {
  /** Section and number within it, as h2spec's own arguments name it: `http2/6.9.1/2`. */
  readonly id: string;
  readonly description: string;
  readonly outcome: 'pass' | 'fail' | 'skipped';
  /** What was expected and what came; '' for a case that passed. */
  readonly details: string;
}

const CASE = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name] ?? whole;
  });
}

function attribute(attributes: string, name: string): string {
  return unescapeXml(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
}

/** The cases in h2spec's order; none for a text that is no report of it. */
export function parseH2specReport(xml: string): H2specCase[] {
  const numbers = new Map<string, number>();
  const cases: H2specCase[] = [];
  for (const [, attributes = '', body = ''] of xml.matchAll(CASE)) {
    const section = attribute(attributes, 'package');
    const number = (numbers.get(section) ?? 0) + 1;
    numbers.set(section, number);
    // h2spec writes what it expected in vain as <error>, for want of a type check.
    const fault = /<(?:failure|error)>([\s\S]*?)<\/(?:failure|error)>/.exec(body)?.[1];
    const skipped = /<skipped\b/.test(body);
    cases.push({
      id: `${section}/${number}`,
      description: attribute(attributes, 'classname'),
      outcome: fault !== undefined ? 'fail' : skipped ? 'skipped' : 'pass',
      details: unescapeXml(fault ?? '').trim(),
    });
  }
  return cases;
}
