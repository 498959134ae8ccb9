"""From words and tags to features and back."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import Example
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.students.metadata import saved_task, with_decoding
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.tagging.decoding import best_sequences
from xtremedistil_tf.tokenization.raw_words import RawWords

LABELS = ["O", "B-LOC", "B-PER", "I-PER"]
TASK = TaggingTask(LABELS)


def test_training_features(tiny_tokenizer):
    example = Example(("anna", "chen", "in", "paris"), ("B-PER", "I-PER", "O", "B-LOC"))
    encoded = TASK.training_features(tiny_tokenizer, [example], seq_len=32)
    row = encoded.features.read(0)
    own = tiny_tokenizer([list(example.words)], is_split_into_words=True)
    assert row["input_ids"].tolist() == own["input_ids"][0]
    expected, last = [], None
    for word in own.word_ids(0):
        first = word is not None and word != last
        expected.append((LABELS.index(example.tags[word]), 1.0) if first else (0, 0.0))
        last = word
    assert list(zip(row["labels"].tolist(), row["word_starts"].tolist())) == expected
    assert encoded.truncated == 0


def test_long_sentences_are_cut_and_counted(tiny_tokenizer):
    long = Example(("anna",) * 50, ("B-PER",) * 50)
    encoded = TASK.training_features(tiny_tokenizer, [long, Example(("in",), ("O",))], seq_len=12)
    assert encoded.truncated == 1
    assert encoded.features.lengths.max() == 12
    assert encoded.features.read(0)["input_ids"][-1] == tiny_tokenizer.sep_token_id


def test_decoding_reads_the_first_piece_of_every_word(tiny_tokenizer):
    sentences = [["paris", "\u200d", "anna"], [], ["anna"] * 40]
    for max_length in (None, 10):
        features = TASK.prediction_features(tiny_tokenizer, [Example(tuple(s)) for s in sentences], max_length)
        logits = []
        for row in range(len(features.features)):
            ids = features.features.read(row)["input_ids"]
            # The label is a function of the piece, so that decoding can be checked by the first piece alone.
            logits.append(np.eye(4, dtype=np.float32)[ids % 4])
        tags = TaggingTask(LABELS, decoding="argmax").decode(features, logits)
        assert [len(t) for t in tags] == [3, 0, 40]
        first = [LABELS[tiny_tokenizer(w, add_special_tokens=False)["input_ids"][0] % 4] for w in ("paris", "anna")]
        assert tags[0] == [first[0], "O", first[1]]
        assert tags[2] == [first[1]] * 40


def test_a_sentence_in_windows_is_decoded_as_a_whole(tiny_tokenizer):
    task, words = TaggingTask(["O", "B-LOC", "I-LOC"]), ("anna", "met", "\u200d", "paris", "in") * 12
    of_words = 3 * np.random.default_rng(6).normal(size=(len(words), 3)).astype(np.float32)
    features = task.prediction_features(tiny_tokenizer, [Example(words), Example(words[:4])], 9)
    # Every piece that does not answer is as wrong as can be.
    flat = np.tile(np.float32([-9, -9, 9]), (features.features.offsets[-1], 1))
    flat[features.places] = np.concatenate([of_words, of_words[:4]])[features.answered]
    rows = np.split(flat, features.features.offsets[1:-1])
    long, short = task.decode_scored(features, rows)
    assert len(features.features) > 10
    of_words[[not tiny_tokenizer.tokenize(word) for word in words]] = [0, -1e9, -1e9]
    for (tags, scores, _), count in ((long, len(words)), (short, 4)):
        found = best_sequences(of_words[:count], [count], task.transitions)
        assert tags == [task.labels[label] for label in found]
        powers = np.exp(of_words[:count].astype(np.float64))
        np.testing.assert_allclose(scores, powers[np.arange(count), found] / powers.sum(-1), rtol=1e-5)
    assert long[0] != [task.labels[label] for label in of_words.argmax(-1)]


def test_what_chooses_by_score_depends_on_the_decoding():
    assert TaggingTask(LABELS).scored_by == {"decoding": "legal"}
    # As it always was: what was chosen before there was a choice is still found.
    assert TaggingTask(LABELS, decoding="argmax").scored_by == {}
    assert TaggingTask(["NOUN", "VERB"]).scored_by == {"main_score": "accuracy"}
    assert TaggingTask(["B-X"], decoding="argmax", main_score="recall").scored_by == {"main_score": "recall"}


def test_an_unknown_decoding_is_refused():
    with pytest.raises(ConfigError, match="`decoding=beam`: expected one of legal, argmax"):
        TaggingTask(LABELS, decoding="beam")


RULE = RawWords("punctuation", kept_after="%", endings=("'s",))
TEXT = "Ada's  home, 5%."


def test_raw_text_is_split_by_the_rule(tmp_path):
    task = TaggingTask(LABELS, raw_words=RULE.facts())
    words = ("Ada", "'s", "home", ",", "5%", ".")
    asked = task.asked(TEXT)
    assert asked.example == Example(words) and asked.text == TEXT
    assert [TEXT[start:end] for start, end in asked.spans] == list(words)
    assert task.asked_line(TEXT, 3, "in").example == Example(words)
    assert task.asked_line(" \t", 3, "in") is None
    # Words that are given are what they are.
    assert task.asked(["home,", "5%."]).example == Example(("home,", "5%."))
    (tmp_path / "a.txt").write_text(f"{TEXT}\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "home, 5%."}\n{"tokens": ["home,"]}\n', encoding="utf-8")
    read = task.read_unlabeled(f"{tmp_path}/a.txt,{tmp_path}/b.jsonl", False)
    assert [example.words for example in read] == [words, ("home", ",", "5%", "."), ("home,",)]


def test_without_a_rule_raw_text_is_split_at_white_space(tmp_path):
    task = TaggingTask(LABELS)
    assert task.asked(TEXT).example == Example(("Ada's", "home,", "5%.")) == task.asked_line(TEXT, 0, "").example
    assert task.options == {"main_score": "f1", "decoding": "legal"}


def test_the_rule_is_kept_with_the_task():
    task = TaggingTask(LABELS, raw_words=RULE.facts())
    kept = json.loads(json.dumps({"kind": "tagging", "labels": task.labels, "options": task.options}))
    assert saved_task({"task": kept}).raw_words == RULE
    del kept["options"]["raw_words"]
    assert saved_task({"task": kept}).raw_words == RawWords()
    changed, config = with_decoding(task, {"word_splitting": "auto"}, "argmax")
    assert changed.raw_words == RULE and config["word_splitting"] == "auto"


@pytest.mark.parametrize("setting, wanted", [
    ("auto", RawWords("punctuation")), ("whitespace", RawWords()), ("punctuation", RawWords("punctuation"))])
def test_the_setting(setting, wanted, caplog):
    corpus = types.SimpleNamespace(train=[Example(("Ada", ",", "Bo", "."))] * 9, labels=["O"])
    with caplog.at_level("INFO"):
        options = TaggingTask.options_from(DistillationConfig(word_splitting=setting), corpus)
    assert RawWords.from_facts(options["raw_words"]) == wanted
    assert f"`word_splitting={setting}`: raw text is split at white space" in caplog.text


def test_marks_at_words_and_the_setting():
    corpus = types.SimpleNamespace(train=[Example(("Ada,", "Bo."))] * 9, labels=["O"])
    for setting, wanted in (("auto", "whitespace"), ("punctuation", "punctuation")):
        options = TaggingTask.options_from(DistillationConfig(word_splitting=setting), corpus)
        assert options["raw_words"]["rule"] == wanted


def test_runs_from_before_there_was_a_rule_split_at_white_space():
    assert DistillationConfig.from_json({"task": "t"}).word_splitting == "whitespace"
    assert DistillationConfig().word_splitting == "auto"


def test_tags_that_are_no_entities_are_scored_by_word():
    from sklearn import metrics

    task = TaggingTask(["DET", "NOUN", "VERB", "X"])
    gold, given = ["DET", "NOUN", "VERB", "NOUN", "NOUN"], ["DET", "VERB", "VERB", "NOUN", "X"]
    examples = [Example(("a",) * 3, tuple(gold[:3]), "en"), Example(("a",) * 2, tuple(gold[3:]), "de")]
    scores = task.scores(examples, [given[:3], given[3:]])
    assert task.main_score == "accuracy" and scores["support"] == 5
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(gold, given))
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(gold, given, average="macro"))
    rows = metrics.precision_recall_fscore_support(gold, given, labels=["NOUN"])
    assert [scores["per_type"]["NOUN"][name] for name in ("precision", "recall", "f1", "support")] == [
        pytest.approx(row[0]) for row in rows]
    assert scores["per_language"]["en"]["accuracy"] == pytest.approx(2 / 3)
    assert task.own_words.note == "Scores over {support} words." and "f1" not in task.own_words.scores


def test_scores_of_words_may_be_chosen():
    assert TaggingTask(["DET"], main_score="macro_f1").main_score == "macro_f1"
    with pytest.raises(ConfigError, match="`metric=recall`: expected one of accuracy, macro_f1"):
        TaggingTask(["DET"], main_score="recall")
