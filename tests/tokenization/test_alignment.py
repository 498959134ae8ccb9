"""Alignment of tokenizers of different families against a plain search over characters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertTokenizerFast, PreTrainedTokenizerFast, RobertaTokenizerFast

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.alignment import PieceSpans, aligned_ends, aligned_pieces, aligned_words, row_spans

LETTERS = "abcdefghijklmnopqrstuvwxyzéßжя北京かα"
COMMON = ["Anna", "straße", "北京へ", "ﬁne", "㎏", "É", "e\u0301", "don't", "Жя", "a\u200db", "\u00ad",
          "👩‍👧", "x" * 120]
WORD = st.one_of(st.sampled_from(COMMON), st.text(min_size=1, max_size=6)).map(lambda w: "".join(w.split()))
WORDS = st.lists(WORD.filter(bool), min_size=1, max_size=10).map(tuple)
TEXTS = st.lists(st.one_of(st.sampled_from(COMMON), st.text(max_size=6)), max_size=10).map(" ".join)


def wordpiece(lowercase: bool) -> BertTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*LETTERS, *LETTERS.upper()] if not lowercase else [*LETTERS, "s"]
    pieces = [*special, *letters, *("##" + c for c in letters), "an", "##na", "str", "##aß", "A", "'"]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return BertTokenizerFast(tokenizer_object=backend, do_lower_case=lowercase)


def unigram(split_spaces: bool) -> PreTrainedTokenizerFast:
    special = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    pieces = [*((token, 0.0) for token in special), *((c, -5.0) for c in LETTERS + "AÉЖ▁"), ("▁An", -4.0),
              ("na", -4.0), ("stra", -5.0), ("▁北", -4.0), ("ss", -3.0), ("fi", -3.0)]
    backend = Tokenizer(models.Unigram(pieces, unk_id=3))
    backend.normalizer = normalizers.NFKC()
    metaspace = pre_tokenizers.Metaspace()
    backend.pre_tokenizer = metaspace if not split_spaces else pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), metaspace])
    backend.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, cls_token="<s>", sep_token="</s>",
                                   pad_token="<pad>", unk_token="<unk>",
                                   model_input_names=["input_ids", "attention_mask"])


def byte_level(trim_offsets: bool) -> RobertaTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *alphabet, "Ġa", "Ġan", "nn"]
    merges = [("Ġ", "a"), ("Ġa", "n"), ("n", "n")]
    backend = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=trim_offsets)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets, True)
    return RobertaTokenizerFast(tokenizer_object=backend, add_prefix_space=True, trim_offsets=trim_offsets)


TOKENIZERS = {"uncased WordPiece": wordpiece(True), "cased WordPiece": wordpiece(False),
              "Unigram": unigram(True), "Unigram with spaces": unigram(False),
              "byte-level": byte_level(True), "byte-level with spaces": byte_level(False)}
PAIRS = [(a, b) for a in TOKENIZERS for b in TOKENIZERS if a != b]
TASKS = {"tagging": TaggingTask(["O"]), "text": ClassificationTask(["x", "y"]),
         "question": QuestionAnsweringTask()}


def example_of(kind: str, words, first: str, second: str):
    if kind == "tagging":
        return Example(words)
    if kind == "question":
        return QuestionExample("1", first, second)
    return TextExample(first, second if kind == "pair" else None)


def spans_of(tokenizer, kind: str, example, seq_len: int) -> PieceSpans:
    features = TASKS.get(kind, TASKS["text"]).text_features(tokenizer, [example], seq_len).features
    (spans,) = row_spans(tokenizer, [example], features)
    assert len(spans) == features.lengths[0]
    special = np.isin(features.data["input_ids"], tokenizer.all_special_ids)
    assert special[spans.units < 0].all()
    return spans


def covering(student: PieceSpans, teacher: PieceSpans, piece: int) -> list[int]:
    """The teacher's pieces that hold the first character of a student's piece."""
    return [t for t in range(len(teacher)) if teacher.units[t] == student.units[piece]
            and teacher.starts[t] <= student.starts[piece] < teacher.ends[t]]


@pytest.mark.parametrize("kind", ["tagging", "text", "pair", "question"])
@settings(max_examples=150)
@given(names=st.sampled_from(PAIRS), words=WORDS, first=TEXTS, second=TEXTS,
       lengths=st.tuples(st.integers(12, 30), st.integers(12, 30)))
def test_the_aligned_piece_covers_the_first_character_or_precedes_it(kind, names, words, first, second,
                                                                     lengths):
    example = example_of(kind, words, first, second)
    student, teacher = (spans_of(TOKENIZERS[name], kind, example, n) for name, n in zip(names, lengths))
    aligned = aligned_pieces(student, teacher)
    assert aligned.dtype == np.int32 and aligned.shape == (len(student),)
    for piece, other in enumerate(aligned):
        if student.units[piece] < 0:
            assert teacher.units[other] == student.units[piece] and other >= 0
        elif student.ends[piece] > student.starts[piece]:
            right = covering(student, teacher, piece)
            if right:
                assert other in right
            elif other >= 0:
                assert teacher.units[other] == student.units[piece]
                assert teacher.starts[other] <= student.starts[piece]
            else:
                assert not any((teacher.units == student.units[piece])
                               & (teacher.starts <= student.starts[piece]))
    ends = aligned_ends(student, teacher)
    for piece, other in enumerate(ends):
        if student.units[piece] >= 0 and student.ends[piece] > student.starts[piece]:
            last = PieceSpans(student.units, student.ends - 1, student.ends)
            right = covering(last, teacher, piece)
            assert other in right if right else other < 0 or teacher.ends[other] >= student.ends[piece]


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("kind", ["tagging", "text", "pair", "question"])
@settings(max_examples=40)
@given(words=WORDS, first=TEXTS, second=TEXTS, seq_len=st.integers(12, 40))
def test_a_tokenizer_aligns_with_itself_piece_by_piece(kind, name, words, first, second, seq_len):
    spans = spans_of(TOKENIZERS[name], kind, example_of(kind, words, first, second), seq_len)
    own = list(range(len(spans)))
    assert aligned_pieces(spans, spans).tolist() == own
    assert aligned_ends(spans, spans).tolist() == own


@settings(max_examples=150)
@given(names=st.sampled_from(PAIRS), words=WORDS, lengths=st.tuples(st.integers(4, 30), st.integers(4, 30)))
def test_words_align_by_their_first_pieces(names, words, lengths):
    student, teacher = (spans_of(TOKENIZERS[n], "tagging", Example(words), s) for n, s in zip(names, lengths))
    first_of = [{int(w): i for i, w in reversed(list(enumerate(spans.units))) if w >= 0}
                for spans in (student, teacher)]
    expected = [-1] * len(student)
    for word, piece in first_of[0].items():
        expected[piece] = first_of[1].get(word, -1)
    assert aligned_words(student.units, teacher.units).tolist() == expected


def strings(tokenizer, example, task, seq_len=40):
    """The row's tokens and its spans."""
    features = task.text_features(tokenizer, [example], seq_len).features
    return (tokenizer.convert_ids_to_tokens(features.data["input_ids"].tolist()),
            next(row_spans(tokenizer, [example], features)))


@pytest.mark.parametrize("teacher", [name for name in TOKENIZERS if "WordPiece" not in name])
def test_spaces_at_pieces_are_not_taken_for_characters(teacher):
    example = TextExample("xx  an 北")
    task = TASKS["text"]
    ours, student = strings(TOKENIZERS["uncased WordPiece"], example, task)
    theirs, other = strings(TOKENIZERS[teacher], example, task)
    found = [theirs[i] for i in aligned_pieces(student, other)]
    assert ours == ["[CLS]", "x", "##x", "an", "北", "[SEP]"]
    expected = ["a", "▁北"] if "Unigram" in teacher else ["Ġan", "å"]
    assert found == ["<s>", "x", "x", *expected, "</s>"]


@pytest.mark.parametrize("teacher", TOKENIZERS)
def test_later_words_of_one_letter(teacher):
    example = Example(("an", "b", "京", "an"))
    ours, student = strings(TOKENIZERS["cased WordPiece"], example, TASKS["tagging"])
    theirs, other = strings(TOKENIZERS[teacher], example, TASKS["tagging"])
    assert ours == ["[CLS]", "an", "b", "京", "an", "[SEP]"]
    found = [theirs[i].lstrip("▁Ġ") for i in aligned_pieces(student, other)]
    first = "a" if teacher.startswith("Unigram") else "an"
    assert found[1:-1] == [first, "b", "äº¬"[0] if "byte" in teacher else "京", first]


def test_what_normalization_changes_keeps_its_place():
    """A character that becomes two, two that become one, and one that is deleted."""
    example = TextExample("㎏ e\u0301\u200db")
    task = TASKS["text"]
    ours, student = strings(TOKENIZERS["uncased WordPiece"], example, task)
    theirs, other = strings(TOKENIZERS["Unigram"], example, task)
    assert "b" in ours[-2] and theirs[-2] == "b" and aligned_pieces(student, other)[-2] == len(theirs) - 2
    back = [ours[i] for i in aligned_pieces(other, student)]
    assert back[theirs.index("g")] == back[theirs.index("k")] == "[UNK]"
    assert back[theirs.index("é")] == "e"


def test_pieces_that_were_cut_have_no_end_and_special_tokens_stay_in_place():
    example = TextExample("abcdef", "北京")
    task = TASKS["text"]
    ours, student = strings(TOKENIZERS["cased WordPiece"], example, task)
    theirs, other = strings(TOKENIZERS["Unigram"], example, task, seq_len=9)
    assert ours == ["[CLS]", "a", "##b", "##c", "##d", "##e", "##f", "[SEP]", "北", "京", "[SEP]"]
    assert theirs == ["<s>", "▁", "a", "b", "</s>", "</s>", "▁北", "京", "</s>"][:len(theirs)]
    starts, ends = aligned_pieces(student, other), aligned_ends(student, other)
    assert [theirs[i] for i in starts] == ["<s>", "a", "b", *["b"] * 4, "</s>", "▁北", "京", "</s>"]
    assert ends[3:7].tolist() == [-1] * 4 and ends[1:3].tolist() == starts[1:3].tolist()
    # The teacher's second </s> in the middle goes to the student's only one.
    assert [ours[i] for i in aligned_pieces(other, student)][4:6] == ["[SEP]", "[SEP]"]


def test_many_rows_come_in_order():
    examples = [TextExample("an " * (i % 7), "b" if i % 3 else None) for i in range(2500)]
    task = TASKS["text"]
    sides = []
    for name in ("cased WordPiece", "byte-level"):
        features = task.text_features(TOKENIZERS[name], examples, 16).features
        sides.append((features, list(row_spans(TOKENIZERS[name], examples, features))))
        assert [len(spans) for spans in sides[-1][1]] == features.lengths.tolist()
    maps = [aligned_pieces(*both) for both in zip(sides[0][1], sides[1][1])]
    assert len(maps) == 2500 and [len(m) for m in maps] == sides[0][0].lengths.tolist()
    assert all(m.max() < n for m, n in zip(maps, sides[1][0].lengths))
