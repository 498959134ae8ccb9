// A tagger of raw text: words.js, the student's tokenizer, ONNX Runtime, decoding.
import { cutOff, decode, entitiesOf } from './decoding.mjs';
import { sentenceStops } from './sentences.mjs';

export class Tagger {
  /**
   * facts: contents of model.json. split: what wordSplitter of words.js returns. tokenizer: of @huggingface/tokenizers.
   * session: of ONNX Runtime. Tensor: its class of tensors.
   */
  constructor(facts, split, tokenizer, session, Tensor) {
    Object.assign(this, { facts, split, tokenizer, session, Tensor });
    this.labels = facts.task.labels;
    this.pieces = new Map();
    const [before, after] = facts.input_of_text.special_ids;
    Object.assign(this, { before, after });
    const frame = before.length + after.length, atOnce = facts.task.options.seq_len ?? 128;
    this.room = (facts.max_length ?? Math.max(256, atOnce)) - frame;
    this.longest = Math.min(this.room, atOnce - frame);
  }

  /** Entities of a text, as { type, start, end, score }. Each line is answered by itself, a long one in parts. */
  async tag(text) {
    const found = [];
    let place = 0;
    for (const line of text.split('\n')) {
      const words = this.split(line);
      const logits = [];
      for (const part of this.parts(words)) logits.push(...await this.logitsOf(part));
      if (words.length) {
        const rule = this.facts.decoding, texts = words.map((word) => word.text);
        const tags = cutOff(texts, decode(logits, rule).map((label) => this.labels[label]), rule);
        const scores = logits.map((row, i) => softmax(row)[this.labels.indexOf(tags[i])]);
        for (const one of entitiesOf(words, tags, scores))
          found.push({ ...one, start: one.start + place, end: one.end + place });
      }
      place += line.length + 1;
    }
    return found;
  }

  /** Words as ids, in parts: a long text by sentence, a sentence that the student cannot take in pieces that it can. */
  parts(words) {
    const all = words.map((word, i) =>
      this.idsOf(this.facts.tokenizer.spaced_words && i ? ' ' + word.text : word.text).slice(0, this.room));
    const size = (part) => part.reduce((sum, ids) => sum + ids.length, 0);
    if (size(all) <= this.longest) return all.length ? [all] : [];
    const parts = [];
    let first = 0;
    for (const stop of sentenceStops(words.map((word) => word.text))) {
      parts.push([]);
      for (const ids of all.slice(first, stop)) {
        if (parts.at(-1).length && size(parts.at(-1)) + ids.length > this.room) parts.push([]);
        parts.at(-1).push(ids);
      }
      first = stop;
    }
    return parts;
  }

  idsOf(word) {
    let ids = this.pieces.get(word);
    if (!ids) {
      // A word without subwords is unknown.
      ids = this.tokenizer.encode(word, { add_special_tokens: false }).ids;
      if (!ids.length) ids = [this.facts.special_token_ids.unk];
      if (this.pieces.size > 20000) this.pieces.clear();
      this.pieces.set(word, ids);
    }
    return ids;
  }

  /** The logits of each word, those of its first subword. */
  async logitsOf(words) {
    const ids = [...this.before, ...words.flat(), ...this.after], shape = [1, ids.length];
    const tensor = (values) => new this.Tensor('int64', BigInt64Array.from(values, BigInt), shape);
    const all = { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)),
      token_type_ids: tensor(ids.map(() => 0)) };
    const inputs = Object.fromEntries(this.session.inputNames.map((name) => [name, all[name]]));
    const { logits } = await this.session.run(inputs), width = logits.dims[2];
    let place = this.before.length;
    return words.map((pieces) => {
      const row = Array.from(logits.data.subarray(place * width, place * width + this.labels.length));
      place += pieces.length;
      return row;
    });
  }
}

function softmax(row) {
  const top = Math.max(...row), powers = row.map((value) => Math.exp(value - top));
  const sum = powers.reduce((one, other) => one + other);
  return powers.map((power) => power / sum);
}
