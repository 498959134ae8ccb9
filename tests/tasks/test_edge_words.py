"""Words that stand at no edge of an entity: found by counting, cut off one by one, and in every form the same."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.folder import TaskCorpus
from xtremedistil_tf.export.tflite import write_tflite
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.tagging.decoding import best_sequences, transitions
from xtremedistil_tf.tasks.tagging.edge_words import EdgeWords, cut_off, edge_words_of
from xtremedistil_tf.tasks.tagging.graph_edge_words import GraphEdgeWords

LABELS = ("O", "I-B", "B-A", "I-A", "B-B")
EDGES = EdgeWords((",", "''"), (",", "("))
SENTENCES = st.lists(st.lists(st.sampled_from([",", "''", "(", "w", ",,", ""]), max_size=9), min_size=1, max_size=4)


def one_by_one(words: list[str], tags: list[str], edges: EdgeWords) -> list[str]:
    """Takes a word off an entity's edge until none is left that must not be there."""
    tags = [*tags]
    for number, tag in enumerate(tags):
        if tag != "O" and words[number] in edges.never_first and tag.startswith("B-"):
            tags[number] = "O"
            if tags[number + 1:number + 2] == [f"I-{tag[2:]}"]:
                tags[number + 1] = f"B-{tag[2:]}"
    for number in reversed(range(len(tags))):
        goes_on = number + 1 < len(tags) and tags[number + 1].startswith("I-")
        if words[number] in edges.never_last and not goes_on:
            tags[number] = "O"
    return tags


def legal(seed: int, sentences) -> np.ndarray:
    """Labels of the words of all sentences."""
    lengths = [*map(len, sentences)]
    logits = np.random.default_rng(seed).normal(size=(sum(lengths), len(LABELS))).astype(np.float32)
    return best_sequences(logits - [1, 0, 0, 0, 0], lengths, transitions(LABELS))


def wanted_of(sentences, label_ids: np.ndarray, edges: EdgeWords) -> list[str]:
    """The tags of the words of all sentences."""
    found, begin = [], 0
    for words in sentences:
        found += one_by_one(words, [LABELS[label] for label in label_ids[begin:begin + len(words)]], edges)
        begin += len(words)
    return found


@given(SENTENCES, st.integers(0, 2**32), st.sampled_from([EDGES, EdgeWords((), (",",)), EdgeWords((",",), ())]))
@settings(max_examples=100)
def test_words_are_cut_off_one_by_one(sentences, seed, edges):
    label_ids = legal(seed, sentences)
    words = [*itertools.chain(*sentences)]
    found = cut_off(label_ids, [*map(len, sentences)], edges.at(words), LABELS)
    assert [LABELS[label] for label in found] == wanted_of(sentences, label_ids, edges)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """The same in TensorFlow and in TensorFlow Lite."""
    module = tf.Module()
    module.edges = GraphEdgeWords(EDGES, LABELS)
    dtypes = {"label_ids": tf.int32, "begins_text": tf.bool, "words": tf.string}
    specs = {name: tf.TensorSpec([None], dtype, name) for name, dtype in dtypes.items()}
    function = tf.function(lambda **inputs: {"found": module.edges.cut_off(**inputs)})
    concrete = function.get_concrete_function(**specs)
    path = write_tflite(tmp_path_factory.mktemp("lite") / "edges.tflite", module, "cut", concrete, "dynamic")
    run = Interpreter(model_path=str(path)).get_signature_runner("cut")
    return lambda **inputs: [concrete(**{n: tf.constant(v) for n, v in inputs.items()})["found"].numpy(),
                             run(**inputs)["found"]]


@given(SENTENCES.filter(any), st.integers(0, 2**32))
@settings(max_examples=40)
def test_graphs(graphs, sentences, seed):
    label_ids = legal(seed, sentences).astype(np.int32)
    begins = np.array([number == 0 for words in sentences for number in range(len(words))])
    words = np.array([word.encode() for word in itertools.chain(*sentences)], object)
    for found in graphs(label_ids=label_ids, begins_text=begins, words=words):
        assert [LABELS[label] for label in found] == wanted_of(sentences, label_ids, EDGES)


def labelled(words: str, tags: str, times: int) -> list[Example]:
    return [Example(tuple(words.split()), tuple(tags.split()))] * times


def test_what_the_data_leaves_out():
    examples = labelled("( Bonn ) , Rome .", "O B-A O O B-A O", 19)
    assert edge_words_of(examples, LABELS) == EdgeWords((), ())
    examples += labelled("( Bonn ) , Rome .", "O B-A O O B-A O", 1)
    assert edge_words_of(examples, LABELS) == EdgeWords(("(", ","), (")", "."))
    assert edge_words_of(examples, ["NOUN"]) == EdgeWords()
    # Once in a hundred is never, twice is not; what has letters or digits may stand anywhere.
    examples += labelled("( Bonn ) Inc . the Ruhr 3 area", "B-A I-A I-A B-B I-B O B-A O O", 1) * 80
    examples += labelled("Inc .", "B-B I-B", 1)
    found = edge_words_of(examples, LABELS)
    assert found.never_first == (",",) and found.never_last == ()


def test_once_in_a_hundred_is_never():
    examples = labelled("Inc .", "B-A O", 99) + labelled("Inc .", "B-A I-A", 1)
    assert edge_words_of(examples, LABELS).never_last == (".",)
    assert edge_words_of(examples + labelled("Inc .", "B-A I-A", 1), LABELS).never_last == ()


def test_the_words_are_kept_with_the_task():
    corpus = TaskCorpus(labelled("Rome , Bonn", "B-A O B-A", 20), [], [], [*LABELS], [])
    options = TaggingTask.options_from(DistillationConfig(), corpus)
    assert options["edge_words"] == {"never_first": [","], "never_last": [","]}
    kept = json.loads(json.dumps(make_task("tagging", LABELS, **options).options))
    assert make_task("tagging", LABELS, **kept).edge_words == EdgeWords((",",), (",",))
    del kept["edge_words"]
    task = make_task("tagging", LABELS, **kept)
    assert not task.edge_words and "edge_words" not in task.options | task.scored_by | task.decoding_facts()


def test_only_legal_sequences_are_cut():
    task = TaggingTask(LABELS, decoding="argmax", edge_words=EDGES.facts())
    assert not task.cut_words and task.edge_words == EDGES and task.decoding_facts() == {"name": "argmax"}
    assert TaggingTask(LABELS, edge_words=EDGES.facts()).scored_by["edge_words"] == EDGES.facts()
    assert not TaggingTask(["B-A", "I-A"], edge_words=EDGES.facts()).cut_words


def test_answers(tiny_tokenizer):
    task = TaggingTask(["O", "B-A", "I-A"], edge_words=EDGES.facts())
    sentences = [Example((",", "anna", ",", "boris", ",")), Example((",",)), Example(("anna", "("))]
    features = task.prediction_features(tiny_tokenizer, sentences, None)
    rows = [np.tile(np.array([-1, 0, 2], np.float32), (length, 1)) for length in features.features.lengths]
    tagged = task.decode_scored(features, rows)
    assert [one.tags for one in tagged] == [["O", "B-A", "I-A", "I-A", "O"], ["O"], ["B-A", "O"]]
    powers = np.exp([-1, 0, 2]) / np.exp([-1, 0, 2]).sum()
    np.testing.assert_allclose(tagged[2][1], powers[[1, 0]], rtol=1e-5)


def test_edge_vectors():
    facts = json.loads(json.dumps(TaggingTask(LABELS, edge_words=EDGES.facts()).decoding_facts()))
    assert (facts["never_first"], facts["never_last"]) == ([",", "''"], [",", "("])
    for vector in facts["edge_vectors"]:
        tags = one_by_one(vector["words"], [LABELS[label] for label in vector["label_ids"]], EDGES)
        assert [LABELS[label] for label in vector["cut"]] == tags
        assert vector["cut"] != vector["label_ids"]
