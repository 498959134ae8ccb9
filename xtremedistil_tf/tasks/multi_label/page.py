"""The local page: a bar for each label, those that are given standing out."""

from __future__ import annotations

SHOW = r"""
const MOST_BARS = 12;

function show(answer) {
  const names = answer.label_names ?? model.labels;
  const given = new Set(answer.labels.slice(0, answer.label_counts));
  const rows = answer.probabilities.map((share, i) => ({share, label: names[i] ?? String(i)}));
  rows.sort((a, b) => given.has(b.label) - given.has(a.label) || b.share - a.share);
  const list = make("dl", "card bars");
  const most = Math.max(MOST_BARS, given.size);
  rows.slice(0, most).forEach(({share, label}) => {
    const track = make("div", "track", make("i"));
    track.style.setProperty("--share", `${100 * share}%`);
    const row = [make("dt", "", label), make("dd", "", percent(share)), track];
    list.append(make("div", given.has(label) ? "bar best" : "bar", ...row));
  });
  const notes = given.size ? [] : ["No label reaches its threshold."];
  if (rows.length > most) notes.push(`${rows.length - most} less probable labels are not shown.`);
  return [list, ...notes.map(note => make("p", "figures", note))];
}
"""
