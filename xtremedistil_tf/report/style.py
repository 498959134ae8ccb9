"""The style sheet of the report: one accent per model; for light and dark screens, phones and paper."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f7f8fa; --card: #ffffff; --ink: #1b2430; --quiet: #5b6675; --line: #dde2e9; --track: #edf0f4;
  --teacher: #6b7a90; --student: #2563eb; --baseline: #c26a04; --train: #a14ee0; --valid: #0b8a66;
  --untrimmed: #0e7c86; --mark: #fdeeb3; --good: #08704f;
  --teacher-shade: 107 122 144; --student-shade: 37 99 235;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #11151b; --card: #1a2029; --ink: #e6eaf0; --quiet: #9aa6b6; --line: #303947; --track: #262e3a;
    --teacher: #94a3b8; --student: #6ea8ff; --baseline: #f2b34c; --train: #c99bf5; --valid: #3fcf9f;
    --untrimmed: #4cc3cd; --mark: #57491a; --good: #5fd6ac;
    --teacher-shade: 148 163 184; --student-shade: 70 130 235;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .6rem; font-size: 1.25rem; }
h3 { margin: 1.5rem 0 .6rem; font-size: 1rem; }
p { margin: .4rem 0; max-width: 46rem; }
.quiet, small { color: var(--quiet); }
.quiet { font-size: .9rem; }
a { color: var(--student); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: 1rem 0 0; padding: 0; list-style: none;
  font-size: .9rem; }
button { padding: .1rem .5rem; border: 1px solid var(--line); border-radius: .35rem; background: var(--page);
  color: inherit; font: inherit; cursor: pointer; }
:focus-visible { outline: 2px solid var(--student); outline-offset: 1px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0 0; }
.figures div, figure, details, .scroll, pre, .examples li {
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.figures div { padding: .8rem 1rem; }
.figures dt { color: var(--quiet); font-size: .85rem; }
.figures dd { margin: 0; }
.figures .value { font-size: 1.9rem; font-weight: 650; line-height: 1.25; }
.figures .note { color: var(--quiet); font-size: .8rem; }
.scroll { overflow-x: auto; }
caption { padding: .5rem .7rem .3rem; color: var(--quiet); font-size: .85rem; text-align: left; }
caption span { display: inline-block; position: sticky; left: .7rem; max-width: calc(100vw - 4rem); }
table { width: 100%; border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
thead tr:first-child th { border-top: 0; }
thead th { color: var(--quiet); font-weight: 600; }
tbody th { font-weight: 500; }
th:first-child, td.words { text-align: left; }
thead th { vertical-align: bottom; }
thead th[scope=colgroup] { padding-bottom: 0; text-align: center; }
thead tr + tr th { border-top: 0; }
th button { padding: 0; border: 0; background: none; font-weight: inherit; text-align: inherit; }
th button:hover, th[aria-sort] button { text-decoration: underline; text-underline-offset: .2em; }
th[aria-sort=descending] button::after { content: " ↓"; }
th[aria-sort=ascending] button::after { content: " ↑"; }
td.words { width: 100%; white-space: normal; overflow-wrap: anywhere; }
th .key { margin-right: 0; }
.bars td.bar { width: 100%; min-width: 6.5rem; }
.bars th.bar { text-align: left; font-weight: 400; font-size: .85em; }
.bar i { display: block; height: .42rem; margin: .12rem 0; border-radius: .2rem; background: var(--track); }
.bar b { display: block; height: 100%; min-width: 1px; border-radius: .2rem; }
b.teacher, .key.teacher::before { background: var(--teacher); }
b.student, .key.student::before { background: var(--student); }
b.baseline, .key.baseline::before { background: var(--baseline); }
b.untrimmed, .key.untrimmed::before { background: var(--untrimmed); }
.key.train::before { background: var(--train); }
.key.valid::before { background: var(--valid); }
.key { margin-right: 1rem; white-space: nowrap; font-size: .85rem; }
.key::before { content: ""; display: inline-block; width: .9rem; height: .3rem; margin-right: .35rem;
  border-radius: .15rem; vertical-align: middle; }
.key.best::before { width: .65rem; height: .65rem; border: 2px solid var(--ink); border-radius: 50%; }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: .8rem;
  align-items: start; }
.matrix { --shade: var(--student-shade); font-size: .8rem; }
.matrix.teacher { --shade: var(--teacher-shade); }
.matrix th, .matrix td { padding: .35rem .4rem; white-space: nowrap; }
.matrix .cell { background: rgb(var(--shade) / calc(var(--share) * .45)); }
.matrix .right { box-shadow: inset 0 0 0 1px rgb(var(--shade)); }
#exports th, #exports td { padding-left: .4rem; padding-right: .4rem; }
#exports thead th { white-space: normal; }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr));
  gap: .8rem; margin: .8rem 0 0; padding: 0; list-style: none; }
.examples li { min-width: 0; padding: .7rem .9rem; overflow-wrap: anywhere; }
.examples .quiet { margin: 0; font-size: .8rem; }
.examples .text { margin: 0 0 .4rem; white-space: pre-line; }
mark { padding: 0 .15em; border-radius: .2rem; background: var(--mark); color: inherit; }
.answers th, .answers td { padding: .2rem .6rem .2rem 0; text-align: left; white-space: normal; }
.answers .key { margin: 0; }
.answers .right { color: var(--good); }
.command { position: relative; }
.command button { position: absolute; top: .5rem; right: .5rem; }
.command button:not([hidden]) + pre { padding-right: 6rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr));
  gap: .8rem; }
figure { margin: 0; padding: .7rem .8rem; }
figure.wide { max-width: 30rem; }
figcaption { font-size: .85rem; color: var(--quiet); overflow-wrap: anywhere; }
figcaption strong { display: block; color: var(--ink); }
figure details { margin-top: .4rem; border: 0; }
figure summary { padding: 0; color: var(--quiet); font-size: .85rem; font-weight: 400; }
figure .scroll { margin-top: .3rem; max-height: 16rem; overflow: auto; }
figure table { font-size: .8rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font-size: 11px; font-family: inherit; font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .best { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 3; }
svg .ring { fill: none; stroke: var(--ink); stroke-width: 1.5; }
svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .train { stroke: var(--train); } svg circle.train { fill: var(--train); }
svg .curve.train { stroke-dasharray: 5 4; }
svg .valid { stroke: var(--valid); } svg circle.valid { fill: var(--valid); }
svg .student { stroke: var(--student); } svg circle.student { fill: var(--student); }
svg .teacher { stroke: var(--teacher); }
svg .baseline { stroke: var(--baseline); }
svg .reference { stroke-width: 1.5; stroke-dasharray: 6 4; }
svg .value { fill: var(--ink); stroke: var(--card); stroke-width: 3px; paint-order: stroke; }
details { margin-top: .8rem; overflow: hidden; }
details.plain { border: 0; background: none; }
details.plain > summary { padding-left: 0; }
summary { padding: .6rem .9rem; cursor: pointer; font-weight: 600; }
details > .scroll { border: 0; border-radius: 0; }
pre { margin: 0; padding: .8rem 1rem; font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
pre span { display: inline-block; max-width: 100%; word-break: break-all; }
@media (max-width: 40rem) {
  table { font-size: .8rem; }
  th, td { padding: .3rem; }
  th:first-child { position: sticky; left: 0; background: var(--card); }
  th, th .key { white-space: normal; }
  th .key { font-size: inherit; }
  td small { display: block; }
  .bars td.bar { min-width: 5rem; }
  .matrix th, .matrix td { padding: .3rem .25rem; }
  .command button { position: static; margin-bottom: .4rem; }
  .command button:not([hidden]) + pre { padding-right: 1rem; }
}
@media print {
  body { max-width: none; padding: 0; background: none; font-size: 10pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav, button[data-copy] { display: none; }
  .scroll, figure .scroll { max-height: none; overflow: visible; }
  h2, h3, summary, caption { break-after: avoid; }
  figure, tr, .scroll, .figures, .examples li { break-inside: avoid; }
}
"""
