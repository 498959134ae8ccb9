"""The style sheet of the page: light and dark, down to the width of a phone."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f7f8fa; --card: #ffffff; --ink: #1b2430; --quiet: #5b6675; --line: #d3d9e2; --track: #edf0f4;
  --accent: #2563eb; --on-accent: #ffffff; --wrong: #b42318; --mark: 88%; --edge: 62%; --name: 30%;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151b; --card: #1a2029; --ink: #e6eaf0; --quiet: #9aa6b6; --line: #38424f; --track: #262e3a;
    --accent: #6ea8ff; --on-accent: #0d1420; --wrong: #ff9b8f; --mark: 20%; --edge: 42%; --name: 80%;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { margin: 0 0 1.2rem; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
p { margin: .4rem 0; }
.quiet, small { color: var(--quiet); }
.quiet { font-size: .9rem; }
label { display: block; margin: 0 0 .8rem; font-weight: 600; font-size: .9rem; }
label small { font-weight: 400; }
textarea {
  display: block; width: 100%; margin-top: .3rem; padding: .6rem .7rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--card); color: inherit; font: inherit; font-weight: 400;
  font-size: 1rem; resize: vertical; field-sizing: content; min-height: 3.2rem; max-height: 24rem;
}
textarea.long { min-height: 6.5rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.act { display: flex; align-items: center; gap: .7rem; margin: 0 0 1.6rem; }
button {
  padding: .5rem 1.2rem; border: 1px solid var(--accent); border-radius: .5rem; background: var(--accent);
  color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer;
}
button.plain { border-color: var(--line); background: none; color: inherit; font-weight: 400; }
button:disabled { opacity: .55; cursor: default; }
.card { padding: .9rem 1rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
/* Each line runs as its own text does; the names of types must not decide it. */
.text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2.1; unicode-bidi: plaintext; }
.text.plain { line-height: 1.6; }
mark {
  padding: .18rem .35rem; border-radius: .35rem; color: inherit;
  background: hsl(var(--hue) 75% var(--mark)); box-shadow: inset 0 0 0 1px hsl(var(--hue) 55% var(--edge));
  -webkit-box-decoration-break: clone; box-decoration-break: clone;
}
mark small {
  margin: 0 .25rem; color: hsl(var(--hue) 70% var(--name)); font-size: .72rem; font-weight: 700;
  white-space: nowrap; letter-spacing: .02em; unicode-bidi: isolate; direction: ltr;
}
mark small span { font-weight: 400; letter-spacing: 0; }
.figures { margin: .7rem 0 0; color: var(--quiet); font-size: .9rem; }
.bars { display: grid; gap: .5rem; margin: 0; }
.bar { display: grid; grid-template-columns: minmax(0, 1fr) auto; column-gap: 1rem; }
.bar dt { overflow-wrap: anywhere; }
.bar dd { margin: 0; font-variant-numeric: tabular-nums; }
.bar .track { grid-column: 1 / -1; height: .5rem; border-radius: .25rem; background: var(--track); }
.bar .track i { display: block; width: var(--share); min-width: 2px; height: 100%; border-radius: .25rem;
  background: var(--quiet); opacity: .6; }
.bar.best dt, .bar.best dd { font-weight: 650; }
.bar.best .track i { background: var(--accent); opacity: 1; }
.number { margin: 0; font-size: 2.2rem; font-weight: 650; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.wrong { border-color: var(--wrong); color: var(--wrong); overflow-wrap: anywhere; }
details { margin-top: 1rem; }
summary { cursor: pointer; color: var(--quiet); font-size: .9rem; }
pre {
  margin: .5rem 0 0; padding: .7rem .9rem; border: 1px solid var(--line); border-radius: .5rem;
  max-height: 24rem;
  background: var(--card); font-size: .8rem; white-space: pre-wrap; overflow: auto; overflow-wrap: anywhere;
}
@media (hover: none) { .keys { display: none; } }
"""
