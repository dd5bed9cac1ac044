// Splits a TypeScript source into what is code, what is comment and what is text in quotes, so
// that the rules of check-layers.mjs look only where they mean to. Every view has the length
// and the line breaks of the source: an offset in one is the same place in all.
// Not a parser: it knows strings, templates, comments and regular expressions, nothing else.

// After these a slash begins a regular expression; after anything else it divides.
const BEFORE_REGEXP = /(?:^|[([{,;:=!&|?+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|delete))$/;

/**
 * @param {string} source
 * @returns {{ code: string, withStrings: string, comments: string }} `code` without comments
 *   and without what stands in quotes; `withStrings` without comments; `comments` alone
 */
export function views(source) {
  const code = [];
  const withStrings = [];
  const comments = [];
  // Open braces of the code inside template holes; a zero closes the hole.
  const holes = [];
  let at = 0;

  const put = (end, kind) => {
    for (; at < end; at++) {
      const character = source[at];
      const blank = character === '\n' ? '\n' : ' ';
      code.push(kind === 'code' ? character : blank);
      withStrings.push(kind === 'comment' ? blank : character);
      comments.push(kind === 'comment' ? character : blank);
    }
  };
  const template = (from) => {
    let end = from;
    while (end < source.length && source[end] !== '`') {
      if (source[end] === '$' && source[end + 1] === '{') {
        put(end, 'string');
        put(end + 2, 'code');
        holes.push(0);
        return;
      }
      end += source[end] === '\\' ? 2 : 1;
    }
    put(Math.min(end, source.length), 'string');
    put(Math.min(end + 1, source.length), 'code');
  };

  while (at < source.length) {
    const character = source[at];
    const pair = source.slice(at, at + 2);
    if (pair === '//') {
      const end = source.indexOf('\n', at);
      put(end < 0 ? source.length : end, 'comment');
    } else if (pair === '/*') {
      const end = source.indexOf('*/', at + 2);
      put(end < 0 ? source.length : end + 2, 'comment');
    } else if (character === "'" || character === '"') {
      put(at + 1, 'code');
      put(quoteEnd(source, at, character), 'string');
      put(Math.min(at + 1, source.length), 'code');
    } else if (character === '`') {
      put(at + 1, 'code');
      template(at);
    } else if (character === '}' && holes.at(-1) === 0) {
      holes.pop();
      put(at + 1, 'code');
      template(at);
    } else if (character === '/' && startsRegexp(code)) {
      put(at + 1, 'code');
      put(regexpEnd(source, at), 'string');
      put(Math.min(at + 1, source.length), 'code');
    } else {
      if (holes.length > 0 && character === '{') holes[holes.length - 1]++;
      if (holes.length > 0 && character === '}') holes[holes.length - 1]--;
      put(at + 1, 'code');
    }
  }
  return {
    code: code.join(''),
    withStrings: withStrings.join(''),
    comments: comments.join(''),
  };
}

/** The offset of the quote that closes a string, or of the end of its line. */
function quoteEnd(source, from, quote) {
  let end = from;
  while (end < source.length && source[end] !== quote && source[end] !== '\n') {
    end += source[end] === '\\' ? 2 : 1;
  }
  return Math.min(end, source.length);
}

/** The offset of the slash that closes a regular expression, or of the end of its line. */
function regexpEnd(source, from) {
  let inClass = false;
  let end = from;
  while (end < source.length && source[end] !== '\n') {
    const character = source[end];
    if (character === '/' && !inClass) break;
    if (character === '[') inClass = true;
    if (character === ']') inClass = false;
    end += character === '\\' ? 2 : 1;
  }
  return Math.min(end, source.length);
}

/** Whether a slash at this place begins a regular expression, from the code before it. */
function startsRegexp(code) {
  return BEFORE_REGEXP.test(code.slice(-80).join('').trimEnd());
}

/**
 * @param {string} source
 * @param {number} offset
 * @returns {number} the line of `offset`, from 1
 */
export function lineAt(source, offset) {
  let line = 1;
  for (let at = source.indexOf('\n'); at >= 0 && at < offset; at = source.indexOf('\n', at + 1)) {
    line++;
  }
  return line;
}
