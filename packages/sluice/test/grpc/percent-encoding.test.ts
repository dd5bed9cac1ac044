import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeStatusMessage, encodeStatusMessage } from '#sluice/grpc/percent-encoding.js';
import { mulberry32 } from '../support/random.js';

test('printable ASCII stays, everything else and the percent sign is escaped as UTF-8', () => {
  const cases: [string, string][] = [
    ['', ''],
    ['plain text ~!', 'plain text ~!'],
    ['100%', '100%25'],
    ['a\r\nb\t', 'a%0D%0Ab%09'],
    ['\0\u007f', '%00%7F'],
    ['caf\u00e9', 'caf%C3%A9'],
    ['\u4f60', '%E4%BD%A0'],
    ['\u{1f600}', '%F0%9F%98%80'],
    ['%41', '%2541'],
  ];
  for (const [text, wire] of cases) {
    assert.equal(encodeStatusMessage(text), wire);
    assert.equal(decodeStatusMessage(wire), text);
  }
});

test('lone surrogates become the replacement character', () => {
  for (const text of ['\ud800', '\udfff', 'a\udc00\ud800b']) {
    assert.equal(
      decodeStatusMessage(encodeStatusMessage(text)),
      text.replace(/[\ud800-\udfff]/g, '\ufffd'),
    );
  }
});

test('malformed escapes are kept as they are', () => {
  const cases: [string, string][] = [
    ['%', '%'],
    ['%4', '%4'],
    ['%zz', '%zz'],
    ['100% of %41', '100% of A'],
    ['%%41', '%A'],
    ['%c3%a9', '\u00e9'],
    ['%C3', '\ufffd'],
    ['%FFx', '\ufffdx'],
    ['caf\u00e9 %41', 'caf\u00e9 A'],
  ];
  for (const [wire, text] of cases) assert.equal(decodeStatusMessage(wire), text);
});

test('random text survives the way there and back, in printable ASCII', () => {
  const random = mulberry32(11);
  for (let run = 0; run < 2_000; run++) {
    let text = '';
    for (let n = Math.floor(random() * 30); n > 0; n--) {
      text += String.fromCharCode(random() * (random() < 0.5 ? 0x80 : 0x10000));
    }
    const wire = encodeStatusMessage(text);
    assert.match(wire, /^[ -~]*$/);
    assert.equal(decodeStatusMessage(wire), Buffer.from(text).toString());
    decodeStatusMessage(text);
  }
});
