// Logits of words -> tags, by the rule `decoding` of model.json; see docs/onnx.md.

/** logits: an array of numbers for each word -> the label of each word. */
export function decode(logits, rule) {
  const best = (labels, row) => labels.reduce((one, other) => (row[other] > row[one] ? other : one));
  if (rule.name === 'argmax') return logits.map((row) => best([...row.keys()], row));
  const sums = logits.map((row) => { const top = Math.max(...row); return Array.from(row, (value) => value - top); });
  for (let word = sums.length - 2; word >= 0; word--)
    rule.may_follow.forEach((labels, label) => { sums[word][label] += sums[word + 1][best(labels, sums[word + 1])]; });
  const found = [];
  for (const row of sums) found.push(best(found.length ? rule.may_follow[found.at(-1)] : rule.may_begin, row));
  return found;
}

/** Tags of which no entity begins or ends with a word that never does. */
export function cutOff(words, tags, rule) {
  tags = [...tags];
  for (let i = 0; i < tags.length; i++) {
    if (!tags[i].startsWith('B-') || !rule.never_first?.includes(words[i])) continue;
    if (tags[i + 1] === 'I-' + tags[i].slice(2)) tags[i + 1] = tags[i];
    tags[i] = 'O';
  }
  for (let i = tags.length - 1; i >= 0; i--)
    if (!tags[i + 1]?.startsWith('I-') && rule.never_last?.includes(words[i])) tags[i] = 'O';
  return tags;
}

/** Entities as { type, start, end, score }; offsets count UTF-16 units: text.slice(start, end). */
export function entitiesOf(words, tags, scores) {
  const found = [];
  tags.forEach((tag, i) => {
    if (tag === 'O') return;
    const type = tag.slice(2), last = found.at(-1);
    if (tag.startsWith('I-') && last?.type === type && last.word === i - 1) {
      last.end = words[i].end; last.word = i; last.scores.push(scores[i]);
    } else found.push({ type, start: words[i].start, end: words[i].end, word: i, scores: [scores[i]] });
  });
  return found.map(({ type, start, end, scores: all }) =>
    ({ type, start, end, score: all.reduce((sum, score) => sum + score, 0) / all.length }));
}
