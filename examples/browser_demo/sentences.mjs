// Where the sentences of a long text end; the same as xtremedistil_tf/tokenization/sentences.py.
const MARKS = '.!?\u2026\u3002\uff01\uff1f\uff0e\uff61\u0964\u0965\u061f\u06d4\u1362\u104b\u17d4';
const CLOSING = '\u201d\u2019\u00bb\u203a\u300d\u300f)\\]';
const SMALL = 'a-z\u00df-\u00f6\u00f8-\u00ff\u03ac-\u03ce\u0430-\u045f\u0561-\u0587';
const CAPITAL = 'A-Z0-9\u00c0-\u00d6\u00d8-\u00de\u0386-\u03ab\u0400-\u042f\u0531-\u0556';
const ABBREVIATED = `(?:[${CAPITAL}].{0,2}|(?:[${CAPITAL}][.]-?)*[${CAPITAL}]|Bros|Capt|Corp|Dept|Prof|Sept|Univ)`;
const whole = (pattern) => new RegExp(`^(?:${pattern})$`, 'su');
const [ENDS, ABBREVIATION, SHORT, CLOSES, GOES_ON] = [`.*[${MARKS}][${CLOSING}]*`, `${ABBREVIATED}[.]`, ABBREVIATED,
  `[${CLOSING}]+`, `[${SMALL}].*|[${MARKS}]+[${CLOSING}]*|[${CLOSING}]+`].map(whole);

/** words: strings -> of each sentence the number of the word after its last one. */
export function sentenceStops(words) {
  const stops = [];
  let before = '', ends = false;
  words.forEach((word, i) => {
    if (!(ends && CLOSES.test(word)))
      ends = ENDS.test(word) && !ABBREVIATION.test(word) && !(word === '.' && SHORT.test(before));
    if (i + 1 === words.length || (ends && !GOES_ON.test(words[i + 1]))) stops.push(i + 1);
    before = word;
  });
  return stops;
}
