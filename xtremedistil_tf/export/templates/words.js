"use strict";

// Words of raw text by the rule in words.json: written by XtremeDistil-TF beside a model; no other file is needed.
//
//   const split = wordSplitter(JSON.parse(fs.readFileSync("words.json", "utf8")));
//   split("Ada’s in Berlin.")   // [{ text: "Ada", start: 0, end: 3 }, ...], text.slice(start, end), UTF-16 units

/** facts: what words.json holds -> a function: a string -> its words in order, each with text, start and end. */
function wordSplitter(facts) {
  const rule = facts.raw_words, bits = facts.characters.bits, kinds = kindsOf(facts.characters.runs);
  const list = (name) => (rule[name] ?? []).map((part) => Array.from(part));
  const beginnings = list("beginnings"), endings = list("endings"), abbreviations = new Set(rule.abbreviations ?? []);
  const keptBefore = new Set(rule.kept_before ?? ""), keptAfter = new Set(rule.kept_after ?? "");
  const parted = new Set(rule.parted ?? "");
  const apart = rule.characters ? bits.apart | bits.unspaced : bits.apart;

  function splitAtSpace(text) {
    const spans = [];
    let open = false;
    for (let place = 0; place < text.length; place++) {
      const isSpace = kinds[text.charCodeAt(place)] & bits.space;   // No white space is a surrogate.
      if (isSpace) open = false;
      else if (open) spans.at(-1)[1] = place + 1;
      else { spans.push([place, place + 1]); open = true; }
    }
    return spans;
  }

  /** Characters with all that belongs to them, in chunks. */
  function chunksOf(text) {
    const chunks = [];
    const addresses = splitAtSpace(text).filter(([start, end]) => text.slice(start, end).includes("://"));
    const inAddress = (place) => addresses.some(([start, end]) => start <= place && place < end);
    let space = true, wasApart = false, before = "", place = 0;
    for (const character of text) {
      const kind = kinds[character.codePointAt(0)], end = place + character.length;
      const alone = (kind & apart) !== 0 || (parted.has(character) && !inAddress(place));
      const belongs = !space && !(alone && kind & bits.unspaced) && (kind & (bits.invisible | bits.combining)
        || (kind & bits.symbol && before === "\u200d")
        || (kind & bits.flag && kinds[before.codePointAt(0)] & bits.flag));
      if (belongs) {
        if (!(kind & bits.invisible)) chunks.at(-1).at(-1).end = end;
      } else if (kind & bits.space || (space && kind & bits.invisible)) {
        space = true;
        wasApart = false;
      } else {
        if (space || alone || wasApart) chunks.push([]);
        chunks.at(-1).push({ character: character === "\u2019" ? "'" : character, kind, start: place, end });
        space = false;
        wasApart = alone;
      }
      before = character;
      place = end;
    }
    return chunks;
  }

  const isMark = (cluster) => (cluster.kind & bits.mark) !== 0;

  function countsAsLetter(chunk, place, isAddress) {
    const mark = chunk[place].character, before = chunk[place - 1], after = chunk[place + 1];
    if (after && keptBefore.has(mark) && !isMark(after)) return true;
    if (!before || isMark(before)) return false;
    return (mark === "." && before.kind & bits.cased && (place < 2 || chunk[place - 2].kind & bits.opens)
        && after?.character !== ".")
      || (mark === "/" && isAddress) || keptAfter.has(mark);
  }

  /** [first, end after the last] of each word, in clusters. */
  function wordsOf(text, chunk) {
    const characters = chunk.map((cluster) => cluster.character), size = chunk.length;
    const isAt = (part, place) => part.every((character, offset) => characters[place + offset] === character);
    if ([...beginnings, ...endings].some((part) => part.length === size && isAt(part, 0))) return [[0, size]];
    const isAddress = characters.join("").includes("://");
    const letters = [...chunk.keys()].filter((place) => !isMark(chunk[place]) || countsAsLetter(chunk, place, isAddress));
    if (!letters.length) return marks(chunk, 0, size);
    const first = letters[0];
    let stop = letters.at(-1) + 1;
    const head = beginnings.find((part) => part.length < stop - first && isAt(part, first))?.length ?? 0;
    let tail = endings.find((part) => part.length < stop - first - head && isAt(part, stop - part.length))?.length ?? 0;
    const word = text.slice(chunk[first + head].start, chunk[stop - 1].end).replace(/[1-9]/g, "0");
    if (characters[stop] === "." && characters[stop + 1] !== "." && abbreviations.has(word + ".")) {
      stop++;
      tail = 0;
    }
    const middle = [[first, first + head], [first + head, stop - tail], [stop - tail, stop]];
    return [...marks(chunk, 0, first), ...middle.filter(([begin, end]) => begin < end), ...marks(chunk, stop, size)];
  }

  /** Equal marks in a row are one word, brackets never. */
  function marks(chunk, begin, end) {
    const found = [];
    for (let place = begin; place < end; place++) {
      const same = place > begin && chunk[place].character === chunk[place - 1].character;
      if (same && !(chunk[place].kind & bits.bracket)) found.at(-1)[1] = place + 1;
      else found.push([place, place + 1]);
    }
    return found;
  }

  return (text) => {
    const spans = rule.rule === "whitespace" ? splitAtSpace(text) : chunksOf(text).flatMap((chunk) =>
      wordsOf(text, chunk).map(([begin, end]) => [chunk[begin].start, chunk[end - 1].end]));
    return spans.map(([start, end]) => ({ text: text.slice(start, end), start, end }));
  };
}

/** Runs of characters, as [first, bits, first, bits, ...] -> the bits of every code point. */
function kindsOf(runs) {
  const kinds = new Uint16Array(0x110000);
  for (let run = 0; run < runs.length; run += 2) kinds.fill(runs[run + 1], runs[run], runs[run + 2] ?? kinds.length);
  return kinds;
}

if (typeof module === "object") module.exports = { wordSplitter };
