"""Answering a file by a server."""

from __future__ import annotations

import gzip
import random
import threading
import time

import pytest

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ConfigError, DataError, ModelLoadError
from xtremedistil_tf.inference.serving import answering as files
from xtremedistil_tf.inference.serving.answering import _map_in_order, predict_file
from xtremedistil_tf.inference.serving.client import ServingClient
from xtremedistil_tf.tasks.registry import KINDS


@pytest.fixture
def model(request, exported, server, connect):
    found = exported(request.param)
    server.served.add("m", 1, found.path)
    return found, connect("m")


EXAMPLES = {"tagging": (["anna met boris", "", "москва , 北京"], lambda line: Example(tuple(line.split()))),
            "classification": (["anna met boris", "", "  ", "the old house"], TextExample),
            "multi_label": (["anna met boris", "", "  ", "the old house"], TextExample),
            "regression": (["anna met\tboris", "", "the old\thouse"], lambda line: TextExample(*line.split("\t"))),
            "question_answering": (["anna\tanna met boris", "", "near\tthe old house"],
                                   lambda line: QuestionExample("", *line.split("\t")))}


@pytest.mark.parametrize("model", EXAMPLES, indirect=True)
def test_every_kind_as_the_predict_command_writes_it(model, tmp_path):
    student, client = model
    lines, parse = EXAMPLES[client.kind]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    predict_file(client, tmp_path / "in.txt", tmp_path / "out.txt", batch_size=2)
    show = KINDS[client.kind].lines.show
    wanted = [show(parse(line), student.predict([parse(line)])[0]) if line.strip() else "" for line in lines]
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").split("\n") == [*wanted, ""]


@pytest.mark.parametrize("model", ["tagging"], indirect=True)
def test_order_is_kept(model, server, tmp_path, monkeypatch):
    _, client = model
    rng = random.Random(3)
    lines = [" ".join(rng.choices(["anna", "met", "boris", "in", "paris"], k=rng.randint(1, 9))) for _ in range(203)]
    with gzip.open(tmp_path / "in.txt.gz", "wt", encoding="utf-8") as handle:
        handle.write("\n".join(lines))
    answer = ServingClient.predict

    def uneven(self, examples):
        time.sleep(rng.random() / 20)
        return answer(self, examples)

    monkeypatch.setattr(ServingClient, "predict", uneven)
    predict_file(client, tmp_path / "in.txt.gz", tmp_path / "out.txt", batch_size=10, concurrency=4)
    found = (tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in found] == lines
    assert all(len(line.split("\t")[1].split()) == len(line.split("\t")[0].split()) for line in found)
    assert sorted(server.served.batches) == [3] + [10] * 20


@pytest.mark.parametrize("model", ["classification"], indirect=True)
def test_a_fault_leaves_the_old_file(model, server, model_server_module, tmp_path):
    _, client = model
    (tmp_path / "in.txt").write_text("anna\n" * 9, encoding="utf-8")
    (tmp_path / "out.txt").write_text("old", encoding="utf-8")
    assert client.kind
    server.served.faults = [model_server_module.Refusal("INTERNAL", "broken")]
    with pytest.raises(ModelLoadError, match="refused: broken"):
        predict_file(client, tmp_path / "in.txt", tmp_path / "out.txt", batch_size=1, concurrency=2)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in.txt", "out.txt"]
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "old"


class Silent:
    kind = "tagging"

    def predict(self, examples):
        raise AssertionError("nothing may be sent")


def test_faulty_files_are_found_before_anything_is_sent(tmp_path):
    (tmp_path / "in.txt").write_bytes(b"anna\n" * 500 + b"\xff\n")
    with pytest.raises(DataError, match="in.txt:501: byte 0xff"):
        predict_file(Silent(), tmp_path / "in.txt", tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_an_empty_file(tmp_path):
    (tmp_path / "in.txt").touch()
    predict_file(Silent(), tmp_path / "in.txt", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_bytes() == b""


@pytest.mark.parametrize("numbers", [{"batch_size": 0}, {"concurrency": 0}])
def test_bad_numbers(tmp_path, numbers):
    with pytest.raises(ConfigError, match="expected 1 or more"):
        predict_file(Silent(), tmp_path / "in.txt", tmp_path / "out.txt", **numbers)


def test_requests_at_once_are_bounded():
    lock, running, most, drawn = threading.Lock(), 0, 0, 0

    def work(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return number

    def source():
        nonlocal drawn
        for drawn in range(100):  # noqa: UP028  what was drawn is looked at below
            yield drawn

    for done, number in enumerate(_map_in_order(work, source(), 3)):
        assert number == done and drawn <= done + 6
    assert done == 99 and 1 < most <= 3


def test_after_a_fault_nothing_more_is_begun():
    begun = []

    def work(number):
        begun.append(number)
        if number == 4:
            raise DataError("here")
        return number

    with pytest.raises(DataError, match="here"):
        list(_map_in_order(work, range(1000), 2))
    assert max(begun) <= 4 + 2 * 2


def test_progress_counts_lines(tmp_path, monkeypatch):
    class Bar:
        def __init__(self, total, label, unit):
            self.total, self.done = total, 0
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, count):
            self.done += count

    class Echo:
        kind = "regression"

        def predict(self, examples):
            return [1.0 for _ in examples]

    bars = []
    monkeypatch.setattr(files, "progress_bar", Bar)
    (tmp_path / "in.txt").write_text("a\n\nb\nc\nd\n", encoding="utf-8")
    predict_file(Echo(), tmp_path / "in.txt", tmp_path / "out.txt", batch_size=2)
    assert [(bar.total, bar.done) for bar in bars] == [(5, 5)]
