"""JSON to tensors and back."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.inference.server.model import RequestError, ServedSignature, Spec
from xtremedistil_tf.inference.server.tensors import encoded, joined_columns, joined_rows, read_inputs, tensor

TEXT, IDS = Spec("string", (None,)), Spec("int32", (None, None))
ONE = ServedSignature({"texts": TEXT}, {}, None)
TWO = ServedSignature({"texts": TEXT, "pairs": TEXT}, {}, None)
MAYBE = ServedSignature({"texts": TEXT, "pairs": TEXT}, {}, None, frozenset(["pairs"]))
ANY_TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=5)


def lists(inputs):
    return {name: values.tolist() for name, values in inputs.items()}


@given(ANY_TEXTS)
def test_one_input_as_rows_columns_and_base64(texts):
    wanted = {"texts": [text.encode() for text in texts]}
    coded = [{"b64": base64.b64encode(text.encode()).decode()} for text in texts]
    for request in ({"instances": texts}, {"instances": [{"texts": text} for text in texts]},
                    {"inputs": texts}, {"inputs": {"texts": texts}},
                    {"instances": coded}, {"inputs": {"texts": coded}},
                    {"instances": [{"texts": code} for code in coded]}):
        assert lists(read_inputs(json.loads(json.dumps(request)), ONE)) == wanted


def test_bytes_that_are_no_text():
    assert read_inputs({"instances": [{"b64": "/w=="}]}, ONE)["texts"].tolist() == [b"\xff"]


def test_two_inputs():
    wanted = {"texts": [b"a", b"b"], "pairs": [b"c", b"d"]}
    rows = [{"texts": "a", "pairs": "c"}, {"pairs": "d", "texts": "b"}]
    assert lists(read_inputs({"instances": rows}, TWO)) == wanted
    assert lists(read_inputs({"inputs": {"texts": ["a", "b"], "pairs": ["c", "d"]}}, TWO)) == wanted


def test_an_optional_input():
    assert lists(read_inputs({"instances": ["a"]}, MAYBE)) == {"texts": [b"a"]}
    assert lists(read_inputs({"inputs": {"texts": ["a"], "pairs": ["b"]}}, MAYBE)) == {"texts": [b"a"],
                                                                                   "pairs": [b"b"]}


@pytest.mark.parametrize("signature, request_, message", [
    (ONE, {}, '"instances"'),
    (ONE, {"instances": ["a"], "inputs": ["a"]}, '"instances"'),
    (ONE, {"instances": []}, "an empty list"),
    (ONE, {"instances": "a"}, "found 'a'"),
    (ONE, {"instances": [["a"]]}, "expected a list of strings; found a list"),
    (ONE, {"instances": ["a", {"texts": "b"}]}, "found both"),
    (ONE, {"instances": [{"texts": "b"}, "a"]}, "found both"),
    (ONE, {"instances": [{"text": "b"}]}, "instance 0: `texts` is missing"),
    (ONE, {"instances": [{"texts": "b", "more": "c"}]}, "there is no input 'more'"),
    (ONE, {"instances": [None]}, "found null"),
    (ONE, {"instances": [1.5]}, "found 1.5"),
    (ONE, {"instances": [True]}, "found true"),
    (ONE, {"instances": [{"b64": "?"}]}, "not valid base64"),
    (ONE, {"instances": [{"b64": "\u00e4"}]}, "not valid base64"),
    (ONE, {"instances": ["\ud800"]}, "surrogate"),
    (ONE, {"inputs": "a"}, "found 'a' in place of a list"),
    (ONE, {"inputs": None}, "found null in place of a list"),
    (ONE, {"inputs": {"texts": ["a"], "other": []}}, "there is no input 'other'"),
    (TWO, {"instances": ["a"]}, "`texts`, `pairs`"),
    (TWO, {"inputs": ["a"]}, "`texts`, `pairs`"),
    (TWO, {"inputs": {"texts": ["a"]}}, "`pairs` is missing"),
    (TWO, {"inputs": {"texts": ["a"], "pairs": []}}, "found 1 `texts`, 0 `pairs`"),
    (MAYBE, {"instances": [{"texts": "a"}, {"texts": "a", "pairs": "b"}]}, "instance 1"),
])
def test_what_is_wrong_is_said(signature, request_, message):
    with pytest.raises(RequestError) as caught:
        read_inputs(request_, signature)
    assert caught.value.status == 400 and message in caught.value.message


def test_whole_numbers():
    assert tensor([[1, -2], [3, 2 ** 31 - 1]], IDS, "ids").tolist() == [[1, -2], [3, 2 ** 31 - 1]]
    assert tensor([], IDS, "ids").shape == (0, 0) and tensor([[]], IDS, "ids").shape == (1, 0)


@pytest.mark.parametrize("value", [[[1, 2], [3]], [[1], 2], [1], [[2 ** 31]], [[1.0]], [["1"]], [[True]],
                                   [[[1]]], [[], [1]]])
def test_other_than_rows_of_whole_numbers(value):
    with pytest.raises(RequestError, match="list of list of whole numbers"):
        tensor(value, IDS, "ids")


def written(*rows, by_row):
    fields = [{name: encoded(value) for name, value in row.items()} for row in rows]
    return json.loads(joined_rows(fields) if by_row else joined_columns(fields, fields[0]))


def test_outputs_by_row_and_by_column():
    rows = [{"words": np.array([b"a", b"\xc3\xa4"], object), "scores": np.float32(0.1)},
            {"words": np.array([], object), "scores": np.float32(1 / 3)}]
    assert written(*rows, by_row=True) == [{"words": ["a", "ä"], "scores": 0.1}, {"words": [], "scores": 0.33333334}]
    assert written(*rows, by_row=False) == {"words": [["a", "ä"], []], "scores": [0.1, 0.33333334]}


def test_a_single_output_stands_without_its_name():
    assert written({"scores": np.float32(0.5)}, by_row=True) == [0.5]
    assert written({"scores": np.float32(0.5)}, by_row=False) == [0.5]
    assert encoded(b"\xff") == '"\ufffd"'.encode()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20),
       st.sampled_from([(-1,), (-1, 1), (1, -1, 1)]))
def test_written_numbers_are_the_same_float32(numbers, shape):
    array = np.array(numbers, np.float32).reshape(shape)
    np.testing.assert_array_equal(np.array(json.loads(encoded(array)), np.float32), array)


def test_a_long_list_is_written_in_parts():
    assert json.loads(encoded(np.arange(10_000))) == list(range(10_000))
