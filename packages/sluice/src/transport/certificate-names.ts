// The names in a certificate, from the text that node:tls makes of them.
// Invariant: a name is one whole entry of its certificate; none can be made to look like two, or to
// begin another one. RFC 5280 §4.2.1.6. Not here: whether the certificate is trusted (peer.ts).

import type { PeerCertificate } from './peer.ts';

// The kinds of alternative names that are who somebody is. Node writes `DNS:a, URI:b`, and an entry
// that is not plain as a JSON string behind its kind: `URI:"a, DNS:b"`.
const ENTRY: RegExp = /(?:^|, )([A-Za-z0-9 ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?=, |$)/gy;
const KINDS: ReadonlySet<string> = new Set(['DNS', 'URI', 'email', 'IP Address']);

/** Alternative names in their order, then common names; each once. */
export function certificateNames(certificate: Partial<PeerCertificate>): string[] {
  const names = new Set(alternativeNames(certificate.subjectaltname ?? ''));
  for (const name of commonNames(certificate.subject?.CN)) {
    if (typeof name === 'string' && name !== '') names.add(name);
  }
  return [...names];
}

/** None of a text that is not understood to its end. */
function alternativeNames(text: string): string[] {
  const names: string[] = [];
  let end = 0;
  for (const [entry, kind = '', quoted, plain = ''] of text.matchAll(ENTRY)) {
    end += entry.length;
    if (!KINDS.has(kind)) continue;
    const name: unknown = quoted === undefined ? plain : parsedString(quoted);
    if (typeof name !== 'string') return [];
    if (name !== '') names.push(name);
  }
  return end === text.length ? names : [];
}

function parsedString(quoted: string): unknown {
  try {
    return JSON.parse(quoted);
  } catch {
    return undefined;
  }
}

// node:tls says that it is a string, and gives a list where the subject has several.
function commonNames(given: unknown): unknown[] {
  return Array.isArray(given) ? given : [given];
}
