"""The local page: a bar for each class."""

from __future__ import annotations

SHOW = r"""
const MOST_BARS = 12;

function show(answer) {
  const names = answer.label_names ?? model.labels;
  const rows = answer.probabilities.map((share, i) => ({share, label: names[i] ?? String(i)}));
  rows.sort((a, b) => b.share - a.share);
  const list = make("dl", "card bars");
  rows.slice(0, MOST_BARS).forEach(({share, label}, i) => {
    const track = make("div", "track", make("i"));
    track.style.setProperty("--share", `${100 * share}%`);
    const row = [make("dt", "", label), make("dd", "", percent(share)), track];
    list.append(make("div", i ? "bar" : "bar best", ...row));
  });
  const rest = rows.length - MOST_BARS;
  return rest > 0 ? [list, make("p", "figures", `${rest} less probable labels are not shown.`)] : [list];
}
"""
