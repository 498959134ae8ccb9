"""Raw-string files, run with LiteRT and tensorflow-text's kernels, against tokenizer and Keras student."""

from __future__ import annotations

import copy
import logging
import random
import re
import unicodedata

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import InterpreterWithCustomOps
from tensorflow_text import tflite_registrar
from tokenizers import Regex, normalizers
from transformers import BertTokenizerFast, XLMRobertaTokenizerFast

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export import tflite_raw_strings
from xtremedistil_tf.export.tflite_raw_strings import export_raw_string_tflite, tokenizer_graph
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.raw_text import asked
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization import word_vectors as vectors

TAGGING = TaggingTask(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
CLASSES = ClassificationTask(["bad", "fair", "good"])
PUNCTUATION = {"rule": "punctuation", "characters": True, "kept_before": "#", "kept_after": "%",
               "beginnings": ["l'"], "endings": ["'s", "n't"]}
BY_RULE = TaggingTask(TAGGING.labels, raw_words=PUNCTUATION)
BY_SENTENCES = TaggingTask(TAGGING.labels, raw_words=PUNCTUATION, seq_len=24,
                           edge_words={"never_first": [",", "("], "never_last": [",", "the"]})
TEXTS = ["anna met boris in paris .", "", "   ", "москва , 北京 and göran", "x\u00a0y\u3000z\u2003w",
         "anna " * 60, "\tthe old\r\nhouse.near,oslo!!", "a" * 100, "москва" * 16, "par\u0301is",
         "\U0001F468 met \U00020000",
         "«anna» — 'boris'", "unknown☃word"]
rng = random.Random(0)
TEXTS += ["".join(rng.choices("aeinoprs москва北京\u0301.,!? \t", k=rng.randint(0, 60))) for _ in range(40)]


def cleaned(text: str) -> str:
    """What docs/mobile.md asks a program to do to a text."""
    return "".join(c for c in text if c in "\t\n\r" or (c != "\ufffd" and unicodedata.category(c)[0] != "C"))


@pytest.fixture(scope="session")
def uncased(tmp_path_factory, tiny_tokenizer):
    file = tmp_path_factory.mktemp("uncased") / "vocab.txt"
    pieces = sorted(tiny_tokenizer.get_vocab(), key=tiny_tokenizer.get_vocab().get)
    file.write_text("\n".join([*pieces, "strasse", "##ß"]), encoding="utf-8")
    return BertTokenizerFast(str(file), do_lower_case=True)


@pytest.fixture(scope="session")
def sentence_piece(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentencepiece")
    draw = random.Random(1)
    words = "anna met boris in paris the old house near oslo москва göran 北京 lima yesterday left saw".split()
    lines = [" ".join(draw.choices(words, k=8)) for _ in range(200)]
    (folder / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(input=str(folder / "text.txt"), model_prefix=str(folder / "m"),
                                             vocab_size=49, model_type="unigram", minloglevel=2)
    return XLMRobertaTokenizerFast(vocab_file=str(folder / "m.model"))


def make_student(tokenizer, task, max_length=None, recurrent=False):
    """A random student; unless its length or kind matters, of the kind that is converted soonest."""
    tf_keras.utils.set_random_seed(4)
    if max_length:
        encoder = new_encoder(len(tokenizer), 8, 1, 2, max_position_embeddings=max_length)
        student = new_student(TransformerShape(encoder, task.num_outputs, per_piece=task.per_piece))
    elif recurrent:
        student = new_student(BiLSTMShape(len(tokenizer), 8, 8, 8, task.num_outputs,
                                          per_piece=task.per_piece))
    else:
        student = new_student(CNNShape(len(tokenizer), 8, 8, 1, 8, task.num_outputs, per_piece=task.per_piece))
    for variable in student.variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.5))
    return student


def runner(path):
    interpreter = InterpreterWithCustomOps(model_path=str(path),
                                           custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS)
    signature = interpreter.get_signature_runner("raw_strings")

    def run(**texts: str) -> dict[str, np.ndarray]:
        arrays = {name: np.array([text.encode()], object) for name, text in texts.items()}
        return {name: value.copy() for name, value in signature(**arrays).items()}

    run.interpreter = interpreter
    return run


class Exported:
    def __init__(self, folder, tokenizer, task, quantization="none", max_length=None, pairs=False, recurrent=False):
        self.tokenizer, self.task = tokenizer, task
        self.student = make_student(tokenizer, task, max_length, recurrent)
        self.path = export_raw_string_tflite(folder, self.student, tokenizer, task, quantization, pairs=pairs)
        self.run = runner(self.path)
        self.predict = StudentPredictor(self.student, tokenizer, task).predict


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tflite")


@pytest.fixture(scope="module")
def uncased_tagging(folder, uncased):
    return Exported(folder / "uncased", uncased, TAGGING)


@pytest.fixture(scope="module")
def sentence_piece_tagging(folder, sentence_piece):
    return Exported(folder / "sentence_piece", sentence_piece, BY_RULE)


@pytest.fixture(scope="module")
def by_sentences(folder, tiny_tokenizer):
    return Exported(folder / "by_sentences", tiny_tokenizer, BY_SENTENCES, recurrent=True)


def tags_of(exported: Exported, text: str) -> list[str]:
    found = exported.run(texts=text)
    return [exported.task.labels[label] for label in found["label_ids"][found["word_starts"] == 1]]


@pytest.mark.parametrize("name", ["by_sentences", "uncased_tagging", "sentence_piece_tagging"])
def test_tags_of_words(request, name):
    exported, uncased = request.getfixturevalue(name), name == "uncased_tagging"
    task = exported.task
    texts = [cleaned(text) for text in (*TEXTS, *vectors.TEXTS)]
    if uncased:  # three pieces, see below
        texts = [text.replace("…", "—") for text in texts]
    # A word of which nothing is left, such as a lone accent of an uncased text, is as if it were not there.
    rows = [[word for word in task.raw_words.split(text) if exported.tokenizer.tokenize(word.text)] for text in texts]
    predicted = exported.predict([Example(tuple(word.text for word in row)) for row in rows])
    for text, row, tags in zip(texts, rows, predicted):
        assert tags_of(exported, text) == tags, repr(text)
        found = exported.run(texts=text)
        assert all(begin <= end for begin, end in zip(found["starts"], found["ends"]))
        # An accent that an uncased tokenizer strips is part of no piece.
        stripped = [word.end - len(word.text.lstrip("\u0301") if uncased else word.text) for word in row]
        starts = found["starts"][found["word_starts"] == 1]
        assert starts.tolist() == [len(text[:place].encode()) for place in stripped], repr(text)


def probabilities(exported: Exported, text: str) -> np.ndarray:
    ids = np.array([exported.tokenizer(text)["input_ids"]], np.int32)
    logits = exported.student({"input_ids": ids, "attention_mask": np.ones_like(ids)})["logits"]
    logits = logits.numpy()[0, 1:-1]
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


@pytest.mark.parametrize("name", ["by_sentences", "uncased_tagging"])
def test_pieces_and_their_offsets(request, name):
    exported = request.getfixturevalue(name)
    for number, text in enumerate(map(cleaned, TEXTS)):
        found = exported.run(texts=text)
        offsets = [(word.start + begin, word.start + end) for word in exported.task.raw_words.split(text) for begin, end
                   in exported.tokenizer(word.text, add_special_tokens=False).encodings[0].offsets]
        data = text.encode()
        spans = [data[a:b].decode() for a, b in zip(found["starts"], found["ends"])]
        # A stripped accent is counted to no piece here, and to the piece before it there.
        wanted = [text[a:b] for a, b in offsets]
        strip = (lambda piece: piece.rstrip("\u0301")) if name == "uncased_tagging" else str
        assert [*map(strip, spans)] == [*map(strip, wanted)], repr(text)
        if number < 8 and exported.task is TAGGING:  # read whole
            wanted = probabilities(exported, text)[np.arange(len(spans)), found["label_ids"]]
            np.testing.assert_allclose(found["scores"], wanted, atol=1e-5)
            of_word = found["label_ids"][found["word_starts"] == 1][np.cumsum(found["word_starts"]) - 1]
            assert found["label_ids"].tolist() == of_word.tolist()


def test_sentence_piece_has_offsets_of_words(sentence_piece_tagging):
    found = sentence_piece_tagging.run(texts="anna  göran x")
    starts, ends = (found[name][found["word_starts"] == 1].tolist() for name in ("starts", "ends"))
    assert (starts, ends) == ([0, 6, 13], [4, 12, 14])


@pytest.mark.parametrize(["text", "here", "python"], [
    ("[SEP]", ["[UNK]", "[UNK]", "[UNK]"], ["[SEP]"]), ("an\u200dna", ["an", "n", "##a"], ["an", "##na"]),
    ("a" * 101, ["a"] + ["##a"] * 100, ["[UNK]"])])
def test_what_differs_in_cased_texts(by_sentences, text, here, python):
    assert by_sentences.tokenizer.tokenize(text) == python
    assert len(by_sentences.run(texts=text)["label_ids"]) == len(here)


@pytest.mark.parametrize(["text", "here", "python"], [("straße", 1, 6), ("ﬁ", 2, 1), ("…", 3, 1)])
def test_what_differs_in_uncased_texts(uncased_tagging, text, here, python):
    assert len(uncased_tagging.tokenizer.tokenize(text)) == python
    assert len(uncased_tagging.run(texts=text)["label_ids"]) == here


WORDS = "anna met boris in paris . the old house near oslo , Dr. yesterday left ! saw ( göran ) ? москва".split()


@pytest.mark.parametrize("max_length, quantization", [(None, "none"), (16, "dynamic")])
def test_long_texts_are_answered_by_sentences_and_windows(request, folder, tiny_tokenizer, max_length, quantization):
    task = BY_SENTENCES
    if max_length is None:
        exported = request.getfixturevalue("by_sentences")
    else:
        exported = Exported(folder / f"long_{max_length}", tiny_tokenizer, task, quantization, max_length)
    draw = random.Random(3)
    texts = ["", ".", "anna. " * 9, " ".join(draw.choices(WORDS, k=300)), "annapariste" * 9 + " anna" * 30,
             " ".join(draw.choices([word for word in WORDS if word not in ".!?"], k=90)), cleaned(TEXTS[-1])]
    for text in texts:
        words = tuple(word.text for word in task.raw_words.split(text) if tiny_tokenizer.tokenize(word.text))
        assert tags_of(exported, text) == exported.predict([Example(words)])[0], repr(text)


def test_sentences_and_windows_are_those_of_python(by_sentences, tiny_tokenizer):
    text = " ".join(random.Random(4).choices(WORDS, k=200))
    found = by_sentences.run(texts=text)
    one, = StudentPredictor(by_sentences.student, tiny_tokenizer, BY_SENTENCES).answers([asked(BY_SENTENCES, text)])
    scores = [word.score for word in one.words]
    np.testing.assert_allclose(found["scores"][found["word_starts"] == 1], scores, atol=1e-5)


def test_classes(folder, sentence_piece, tiny_tokenizer):
    for tokenizer, quantization, tolerance in ((tiny_tokenizer, "none", 1e-5),
                                               (sentence_piece, "dynamic", 0.05)):
        exported = Exported(folder / quantization, tokenizer, CLASSES, quantization, recurrent=quantization != "none")
        expected = exported.predict([TextExample(cleaned(text)) for text in TEXTS[:20]])
        for text, prediction in zip(TEXTS, expected):
            found = exported.run(texts=cleaned(text))["probabilities"]
            np.testing.assert_allclose(found, [prediction.probabilities], atol=tolerance)


def test_labels(folder, tiny_tokenizer):
    task = MultiLabelTask(["art", "law", "war"], thresholds=[0.3, 0.5, 0.6])
    exported = Exported(folder / "labels", tiny_tokenizer, task)
    for text, prediction in zip(TEXTS, exported.predict([TextExample(cleaned(text)) for text in TEXTS])):
        found = exported.run(texts=cleaned(text))
        np.testing.assert_allclose(found["probabilities"], [list(prediction.probabilities.values())], atol=1e-5)
        assert tuple(np.array(task.labels)[found["is_label"][0] > 0]) == prediction.labels


def test_numbers_of_pairs(folder, tiny_tokenizer):
    exported = Exported(folder / "pairs", tiny_tokenizer, RegressionTask(), max_length=16, pairs=True)
    pairs = list(zip(map(cleaned, TEXTS), map(cleaned, TEXTS[::-1])))
    expected = exported.predict([TextExample(*pair) for pair in pairs])
    for (text, other), number in zip(pairs, expected):
        assert exported.run(texts=text, pairs=other)["scores"] == pytest.approx([number], abs=1e-5)


def test_answers(folder, tiny_tokenizer):
    task = QuestionAnsweringTask()
    exported = Exported(folder / "answers", tiny_tokenizer, task)
    questions = ["anna met", "", "the house"]
    contexts = ["boris left göran in 北京 .", "oslo", "lima near the old house"]
    expected = exported.predict([QuestionExample("", *texts) for texts in zip(questions, contexts)])
    for question, context, answer in zip(questions, contexts, expected):
        found = exported.run(questions=question, contexts=context)
        sums = found["start_logits"][:, None] + found["end_logits"]
        first, last = np.unravel_index(np.where(np.tri(len(sums)).T, sums, -np.inf).argmax(), sums.shape)
        assert context.encode()[found["starts"][first]:found["ends"][last]].decode() == answer.text
        assert sums[first, last] == pytest.approx(answer.score, abs=1e-4)
        assert found["no_answer_scores"] == pytest.approx([answer.no_answer_score], abs=1e-4)


def test_the_ops_are_tensorflow_texts(by_sentences, sentence_piece_tagging):
    from tensorflow.lite.python import schema_py_generated as schema

    words = {b"TFText>ByteSplitWithOffsets", b"TFText>ByteSplitByOffsets"}
    for exported, wanted in ((by_sentences, {b"FastBertNormalize", b"FastWordpieceTokenizeWithOffsets"}),
                             (sentence_piece_tagging, {b"TFText>FastSentencepieceTokenize"})):
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(exported.path.read_bytes(), 0))
        assert {code.customCode for code in model.operatorCodes if code.customCode} == wanted | words


def unusual(tokenizer, change):
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    spec = change(tokenizer.backend_tokenizer.to_str())
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(spec), cls_token="[CLS]",
                                   sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]")


@pytest.mark.parametrize(["pattern", "replacement", "reason"], [
    ('"handle_chinese_chars":true', '"handle_chinese_chars":false', "does not split Chinese"),
    ('"strip_accents":null', '"strip_accents":true', "without stripping accents")])
def test_wordpiece_of_another_kind_has_no_file(tmp_path, caplog, tiny_tokenizer, pattern, replacement,
                                               reason):
    tokenizer = unusual(tiny_tokenizer, lambda spec: re.sub(pattern, replacement, spec))
    with caplog.at_level(logging.INFO):
        assert export_raw_string_tflite(tmp_path, None, tokenizer, TAGGING, "none") is None
    assert reason in caplog.text and not list(tmp_path.iterdir())


@pytest.mark.parametrize(["step", "takes"], [
    (normalizers.Replace("``", '"'), False), (normalizers.Replace(Regex("a+"), ""), False),
    (normalizers.Replace(Regex("[\t\u2028]"), " "), True), (normalizers.Nmt(), True)])
def test_steps_before_sentencepiece(sentence_piece, step, takes):
    tokenizer = copy.deepcopy(sentence_piece)
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence([step, tokenizer.backend_tokenizer.normalizer])
    graph, reason = tokenizer_graph(tokenizer)
    assert (graph is not None) == takes and reason.startswith("" if takes else "one whose normalizer replaces {")


def test_where_there_is_no_file(tmp_path, caplog, tiny_tokenizer, sentence_piece):
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    bpe = PreTrainedTokenizerFast(tokenizer_object=ByteLevelBPETokenizer()._tokenizer)
    for tokenizer, task, quantization, reason in (
            (bpe, TAGGING, "none", "one whose model is BPE instead of WordPiece"),
            (tiny_tokenizer, TAGGING, "int8", "strings are not calibrated"),
            (sentence_piece, QuestionAnsweringTask(), "none", "does not tell where")):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            assert export_raw_string_tflite(tmp_path, None, tokenizer, task, quantization) is None
        assert reason in caplog.text
    assert not list(tmp_path.iterdir())


def test_one_graph_serves_all_quantizations(uncased_tagging):
    student, tokenizer = uncased_tagging.student, uncased_tagging.tokenizer
    graph, _ = tflite_raw_strings.tokenizer_graph(tokenizer)
    made = [tflite_raw_strings._raw_strings(student, tokenizer, task, graph, pairs)
            for task, pairs in ((TAGGING, False), (TAGGING, False), (CLASSES, False), (CLASSES, True))]
    assert made[0] is made[1] and len(set(map(id, made))) == 3


def test_an_unknown_quantization(tmp_path, tiny_tokenizer):
    with pytest.raises(ConfigError, match="`quantize=int4`: expected one of"):
        export_raw_string_tflite(tmp_path, None, tiny_tokenizer, TAGGING, "int4")
