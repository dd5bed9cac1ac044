// The page as one document, and the headers that go with it.
// Invariants: it refers to nothing outside itself; nothing of the process is in it, so it is the same for
// everybody and its hashes are known; only its own script and style may run.
// CSP Level 3. Not here: style and scripts (page-style.ts, page-script.ts), data (page-feed.ts).

import { createHash } from 'node:crypto';
import { PAGE_CURVES_SCRIPT } from './page-curves-script.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import { PAGE_TABLE_SCRIPT } from './page-table-script.ts';

const SCRIPT = `${PAGE_CURVES_SCRIPT}${PAGE_TABLE_SCRIPT}${PAGE_SCRIPT}`;

// A gate over water: what Sluice is called after.
const MARK =
  '<rect x="3" y="2" width="18" height="3" rx="1"/><rect x="5" y="7" width="14" height="7" rx="1"/><path d="M2 19c2.5-2.5 4.5-2.5 7 0s4.5 2.5 7 0 4.5-2.5 6 0" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"/>';

const ICON = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="#1764d6" color="#1764d6">${MARK}</svg>`)}`;

/** The document. */
export const PAGE_DOCUMENT: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice: what waits</title>
<link rel="icon" href="${ICON}">
<style>${PAGE_STYLE}</style>
</head>
<body>
<a class="skip" href="#ends">To the channels and servers</a>
<header>
<h1><svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true">${MARK}</svg>Sluice</h1>
<p id="process"></p>
<div class="controls">
<span id="link" data-state="live">live</span>
<button type="button" id="pause" aria-pressed="false">Pause</button>
<button type="button" id="theme">Theme: auto</button>
</div>
</header>
<main>
<p id="say" class="unseen" role="status" aria-live="polite"></p>
<section id="headline" aria-label="What waits" data-level="flowing">
<svg viewBox="0 0 36 36" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
<g class="flowing"><circle cx="18" cy="18" r="15"/><path d="M11 18.5l5 5 9-10"/></g>
<g class="waiting"><path d="M10 4h16M10 32h16M12 4c0 8 12 8 12 14s-12 6-12 14M24 4c0 8-12 8-12 14s12 6 12 14"/></g>
<g class="stalled"><path d="M18 4l15 27H3z"/><path d="M18 14v8M18 26.5v.1"/></g>
</svg>
<p class="say">Waiting for the first figures</p><p class="for"></p>
<p class="where"></p>
<p class="detail" hidden></p>
</section>
<ul id="waits" aria-label="Further waits and notes" hidden></ul>
<section id="curves" tabindex="0" aria-label="Curves of the last five minutes. Left and right arrow move through time, Escape returns to now."></section>
<div id="ends" tabindex="-1"></div>
<p id="none" class="none" hidden>No channel and no server is open in this process.</p>
</main>
<footer><p><kbd>p</kbd> pauses, <kbd>t</kbd> changes the theme. In a table arrow keys move and <kbd>Enter</kbd> shows all figures of a connection; on the curves arrow keys move through time. Figures are read once a second, while this page is open.</p></footer>
<script>${SCRIPT}</script>
</body>
</html>
`;

/** What the document may do: run these two texts and ask its own address for data. */
const POLICY: string = [
  "default-src 'none'",
  `script-src ${hash(SCRIPT)}`,
  `style-src ${hash(PAGE_STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** The headers of every answer. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  vary: 'accept',
  'x-content-type-options': 'nosniff',
};

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
