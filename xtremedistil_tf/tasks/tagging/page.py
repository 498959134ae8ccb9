"""The local page: a text with its entities marked."""

from __future__ import annotations

SHOW = r"""
// Words with tags -> entities {type, start, end, scores}, by the rules of the scores: with B- and I-, an I-
// that follows nothing of its type is no entity; without, words with the same label are one.
function entities(answer) {
  const tags = answer.tags.filter(tag => tag !== "");
  const begun = (model.labels.length ? model.labels : tags).every(label => /^(O|[BI]-[^]*)$/.test(label));
  const found = [];
  let open = null;
  tags.forEach((tag, i) => {
    const type = begun ? tag.slice(2) : tag, begins = begun ? tag.startsWith("B-") : open?.type !== type;
    if (tag === "O") {
      open = null;
    } else if (begins) {
      open = {type, start: answer.starts[i], end: answer.ends[i], scores: [answer.scores[i]]};
      found.push(open);
    } else if (open?.type === type) {
      open.end = answer.ends[i];
      open.scores.push(answer.scores[i]);
    } else {
      open = null;
    }
  });
  return found;
}

function show(answer, asked) {
  const characters = Array.from(asked.texts);  // offsets count characters, not UTF-16 units
  const box = make("div", "card text");
  const found = entities(answer);
  let at = 0;
  for (const {type, start, end, scores} of found) {
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    box.append(characters.slice(at, start).join(""),
               marked(characters.slice(start, end).join(""), type, mean));
    at = end;
  }
  box.append(characters.slice(at).join(""));
  const nothing = characters.length ? "Nothing found in this text." : "The text is empty.";
  return found.length ? [box] : [box, make("p", "figures", nothing)];
}
"""
