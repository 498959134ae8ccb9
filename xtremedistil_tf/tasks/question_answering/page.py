"""The local page: the context with the answer marked."""

from __future__ import annotations

SHOW = r"""
function show(answer, asked) {
  const characters = Array.from(asked.contexts);
  const box = make("div", "card text plain");
  if (answer.answers) {
    box.append(characters.slice(0, answer.starts).join(""),
               marked(characters.slice(answer.starts, answer.ends).join(""), ""),
               characters.slice(answer.ends).join(""));
  } else {
    box.append(make("em", "", "The context holds no answer."));
  }
  const scores = `Score ${decimals(answer.scores)}; of “no answer” ${decimals(answer.no_answer_scores)}`;
  return [box, make("p", "figures", scores)];
}
"""
