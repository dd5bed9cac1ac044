// The style of the page: one sheet, two sets of colours.
// Invariant: level and state are never told by colour alone; motion only where the viewer allows it.
// Text for a browser, apart from the TypeScript around it. Not here: the markup (page-document.ts).

const LIGHT = `--page: #f4f6f9; --card: #ffffff; --sunk: #f0f3f7; --line: #dbe1e9; --ink: #16202c;
  --soft: #566373; --accent: #1764d6; --accent-soft: rgba(23, 100, 214, .13); --second: #b3540a;
  --good: #17764a; --good-soft: #e3f4ea; --wait: #8f5200; --wait-soft: #fdf0d9; --wait-bar: #d98a13;
  --bad: #b42318; --bad-soft: #fde7e5; --focus: #1764d6;`;

const DARK = `--page: #0e1218; --card: #161c25; --sunk: #10151d; --line: #2a3442; --ink: #e8edf4;
  --soft: #9dabbb; --accent: #6ea8fe; --accent-soft: rgba(110, 168, 254, .16); --second: #f0a35e;
  --good: #58cc8e; --good-soft: #12301f; --wait: #f2b04c; --wait-soft: #33260e; --wait-bar: #d8932a;
  --bad: #ff8a80; --bad-soft: #3a1a18; --focus: #9cc4ff;`;

/** The sheet. */
export const PAGE_STYLE: string = `
:root { color-scheme: light; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { color-scheme: dark; ${DARK} } }
:root[data-theme=dark] { color-scheme: dark; ${DARK} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
main, header, footer { max-width: 1320px; margin: 0 auto; padding: 0 20px; }
h1, h2, h3, p, dl, dd, ul { margin: 0; padding: 0; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 20px; top: 8px; background: var(--card); padding: 6px 10px; z-index: 2; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.soft { color: var(--soft); }
[hidden] { display: none !important; }

header { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 18px; padding-top: 16px;
  padding-bottom: 12px; }
header h1 { font-size: 19px; font-weight: 680; letter-spacing: -.01em; display: flex; gap: 9px;
  align-items: center; }
header h1 svg { width: 22px; height: 22px; }
#process { color: var(--soft); flex: 1 1 300px; }
#process span + span::before { content: ""; display: inline-block; width: 3px; height: 3px;
  border-radius: 50%; background: currentColor; margin: 0 9px; vertical-align: middle; opacity: .7; }
.controls { display: flex; gap: 8px; align-items: center; }
.controls button { font: inherit; color: var(--ink); background: var(--card); padding: 5px 12px;
  border: 1px solid var(--line); border-radius: 7px; cursor: pointer; min-width: 78px; }
.controls button:hover { border-color: var(--soft); }
.controls button[aria-pressed=true] { background: var(--wait-soft); border-color: var(--wait);
  color: var(--wait); }
#link { display: inline-flex; align-items: center; gap: 7px; color: var(--soft); min-width: 74px; }
#link::before { content: ""; width: 9px; height: 9px; border-radius: 50%; background: var(--good); }
#link[data-state=paused]::before { background: none; border: 2px solid var(--wait); }
#link[data-state=lost]::before { background: var(--bad); border-radius: 2px; }

#headline { display: grid; grid-template-columns: auto 1fr auto; gap: 2px 14px; align-items: center;
  background: var(--tone-soft); border: 1px solid var(--tone-line); border-radius: 12px;
  padding: 14px 18px; --tone: var(--good); --tone-soft: var(--good-soft);
  --tone-line: color-mix(in srgb, var(--tone) 35%, transparent); }
#headline[data-level=waiting] { --tone: var(--wait); --tone-soft: var(--wait-soft); }
#headline[data-level=stalled], #headline[data-level=lost] { --tone: var(--bad); --tone-soft: var(--bad-soft); }
#headline svg { width: 34px; height: 34px; grid-row: span 2; color: var(--tone); }
#headline svg > g { display: none; }
#headline[data-level=flowing] .flowing, #headline[data-level=waiting] .waiting,
#headline[data-level=stalled] .stalled, #headline[data-level=lost] .stalled { display: inline; }
#headline .say { font-size: 20px; font-weight: 640; line-height: 1.3; letter-spacing: -.005em;
  overflow-wrap: anywhere; }
#headline .for { color: var(--tone); font-size: 20px; font-weight: 640; white-space: nowrap; }
#headline .where { color: var(--soft); grid-column: 2 / -1; overflow-wrap: anywhere; }
#headline .detail { grid-column: 2 / -1; overflow-wrap: anywhere; max-width: 120ch; margin: 0; padding: 0;
  background: none; }
#waits { list-style: none; margin: 8px 0 0; border: 1px solid var(--line); border-radius: 10px;
  background: var(--card); }
#waits li { display: grid; grid-template-columns: 74px 1fr auto; gap: 4px 12px; padding: 7px 14px;
  align-items: baseline; }
#waits li + li { border-top: 1px solid var(--line); }
#waits .what { overflow-wrap: anywhere; }
.pill { display: inline-block; font-size: 12px; font-weight: 600; border-radius: 20px; padding: 1px 9px;
  background: var(--sunk); color: var(--soft); text-align: center; white-space: nowrap; }
.pill[data-tone=good] { background: var(--good-soft); color: var(--good); }
.pill[data-tone=wait] { background: var(--wait-soft); color: var(--wait); }
.pill[data-tone=bad] { background: var(--bad-soft); color: var(--bad); }

#curves { display: grid; gap: 12px; margin-top: 14px; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.curve { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 10px 14px 8px; min-width: 0; }
.curve h2 { font-size: 13px; font-weight: 550; color: var(--soft); display: flex; }
.keys { margin-left: auto; display: flex; gap: 12px; font-size: 11.5px; font-weight: 400; }
.keys span::before { content: ""; display: inline-block; width: 16px; vertical-align: middle;
  margin-right: 5px; border-top: 2px solid var(--accent); }
.keys .second::before { border-top: 2px dashed var(--second); }
.curve .now { font-size: 22px; font-weight: 640; line-height: 1.25; letter-spacing: -.01em; }
.curve .aside { font-size: 12.5px; color: var(--soft); margin-left: 8px; font-weight: 400;
  letter-spacing: 0; }
.curve .aside.alarm { color: var(--bad); font-weight: 600; }
.plot { position: relative; height: 74px; margin-top: 4px; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot .grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.plot path { vector-effect: non-scaling-stroke; fill: none; stroke-width: 1.75; stroke-linejoin: round; }
.plot .first { stroke: var(--accent); } .plot .area { fill: var(--accent-soft); stroke: none; }
.plot .second { stroke: var(--second); stroke-dasharray: 4 3; }
.plot .top, .plot .edge { position: absolute; font-size: 11px; color: var(--soft);
  pointer-events: none; background: color-mix(in srgb, var(--card) 78%, transparent); padding: 0 2px; }
.plot .top { left: 0; top: -2px; }
.plot .hair { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--soft); }
.ends { display: flex; justify-content: space-between; font-size: 11px; color: var(--soft); }

section.end { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  margin-top: 16px; padding: 14px 18px 12px; }
.end > .title { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; }
.end h2 { font-size: 16px; font-weight: 640; overflow-wrap: anywhere; }
.end h2 .kind { color: var(--soft); font-weight: 500; margin-right: 6px; }
.end .explains { margin: 4px 0 0; max-width: 130ch; overflow-wrap: anywhere;
  white-space: pre-line; font-size: 13px; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin: 10px 0 4px; }
.facts div { display: flex; flex-direction: column-reverse; }
.facts dt { font-size: 12px; color: var(--soft); } .facts dd { font-size: 16px; font-weight: 600; }
.facts .alarm dd { color: var(--bad); } .facts .warn dd { color: var(--wait); }
.end h3 { font-size: 12px; font-weight: 600; color: var(--soft); margin: 12px 0 6px; }
.limits { display: grid; gap: 7px 26px; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); }
.limit { display: grid; grid-template-columns: 1fr auto; align-content: start; gap: 0 10px;
  font-size: 13px; }
.limit .reading { color: var(--soft); white-space: nowrap; }
.limit[data-tone=wait] .reading { color: var(--wait); font-weight: 600; }
.limit[data-tone=bad] .reading { color: var(--bad); font-weight: 600; }
.limit .bar { grid-column: 1 / -1; height: 6px; border-radius: 3px; background: var(--sunk);
  border: 1px solid var(--line); overflow: hidden; margin: 2px 0 1px; }
.limit .bar i { display: block; height: 100%; background: var(--accent); border-radius: 2px; }
.limit[data-tone=wait] .bar i { background: var(--wait-bar); }
.limit[data-tone=bad] .bar i { background: var(--bad); }
.limit .acted { grid-column: 1 / -1; font-size: 12px; color: var(--soft); }

.backends { list-style: none; margin: 8px 0 0; font-size: 13px; }
.backends li { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; padding: 2px 0; }
.backends .address { font-weight: 600; }

.scroll { overflow-x: auto; margin: 0 -18px; padding: 0 18px 4px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: right; padding: 5px 0 5px 16px; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 6px; }
th:last-child, td:last-child { padding-right: 6px; }
thead th { font-weight: 500; color: var(--soft); border-bottom: 1px solid var(--line);
  vertical-align: bottom; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th[aria-sort] button { color: var(--ink); font-weight: 600; }
th[aria-sort=descending] button::after { content: " \\25be"; }
th[aria-sort=ascending] button::after { content: " \\25b4"; }
tbody tr { cursor: pointer; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tbody tr:hover { background: var(--sunk); }
tbody tr[aria-selected=true] { background: var(--accent-soft); }
tbody tr:focus-visible { outline-offset: -2px; }
td.zero { color: var(--soft); opacity: .75; } td.warn { color: var(--wait); font-weight: 600; }
td.alarm { color: var(--bad); font-weight: 600; }
.end .detail { margin: 10px 0 4px; padding: 12px 14px; background: var(--sunk); border-radius: 8px; }
.end .detail dl { display: grid; gap: 6px 24px; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); }
.end .detail dt { font-size: 12px; color: var(--soft); } .end .detail dd { font-weight: 600; }
.none { color: var(--soft); padding: 6px 0; }
footer { color: var(--soft); font-size: 12.5px; padding-top: 16px; padding-bottom: 40px; }
kbd { font: inherit; font-size: 12px; border: 1px solid var(--line); border-bottom-width: 2px;
  border-radius: 4px; padding: 0 5px; background: var(--card); color: var(--ink); }
@media (max-width: 980px) { #curves { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media (max-width: 620px) { #curves { grid-template-columns: minmax(0, 1fr); }
  main, header, footer { padding-left: 12px; padding-right: 12px; }
  #headline .say, #headline .for { font-size: 17px; } #waits li { grid-template-columns: 74px 1fr; } }
@media (prefers-reduced-motion: no-preference) { .limit .bar i { transition: width .3s; } }
`;
