"""The command as a user runs it: status, messages, files; and that all forms give the same."""

from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest

from xtremedistil_tf.config import PredictionConfig
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.inference.predictor import open_predictor
from xtremedistil_tf.runs.answering import Answering
from xtremedistil_tf.runs.predict import predict

ROOT = pathlib.Path(__file__).resolve().parents[3]
SENTENCES = ["anna met boris in paris .", "The old house , near oslo !", "Who left ?",
             "\u043c\u043e\u0441\u043a\u0432\u0430 left ( quito ) ."]


def run(*flags: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run([sys.executable, "-m", "xtremedistil_tf.cli.verbs", "predict", "--do_predict", *flags],
                          input=stdin, capture_output=True, env=environment)


@pytest.fixture
def folder(models, tmp_path):
    return shutil.copytree(models.folder / "classification", tmp_path / "out")


def test_a_bad_line_stops_with_its_place_and_a_remedy(folder):
    (folder / "in.txt").write_bytes(b"anna\n\xff\n")
    done = run(f"--model_dir={folder}", "--format=onnx", f"--pred_file={folder}/in.txt")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == (
        f"error: {folder}/in.txt:2: byte 0xff at offset 0 of the line is not valid UTF-8 (invalid start byte), "
        "expected UTF-8. Correct the line, or go on without such lines: --on_error=skip.")
    assert not (folder / "predictions.txt").exists() and not list(folder.glob(".part-*"))


def test_what_is_skipped_is_told_and_the_default_name_tells_the_format(folder):
    (folder / "in.txt").write_bytes(b"anna\n\xff\n")
    done = run(f"--model_dir={folder}", "--format=onnx", f"--pred_file={folder}/in.txt", "--on_error=skip",
               "--output_format=jsonl")
    assert done.returncode == 0 and done.stdout == b""
    assert "1 of 2 records not answered; the first:" in done.stderr.decode()
    assert f"wrote {folder}/predictions.jsonl" in done.stderr.decode()
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert ["error" in json.loads(line) for line in lines] == [False, True]


def test_several_processes_give_the_same_in_order(folder):
    rng = random.Random(2)
    lines = [" ".join(rng.sample(" ".join(SENTENCES).split(), rng.randint(1, 8))).encode() for _ in range(9000)]
    lines[4500] = b"\xff"
    (folder / "in.txt").write_bytes(b"\n".join(lines) + b"\n")
    common = (f"--model_dir={folder}", "--format=onnx", f"--pred_file={folder}/in.txt", "--on_error=skip",
              "--output_format=csv", "--output_file=-")
    alone, several = run(*common), run(*common, "--workers=2")
    assert several.returncode == 0 and several.stdout == alone.stdout
    assert several.stderr.partition(b" ")[2] == alone.stderr.partition(b" ")[2]  # the time comes first
    assert alone.stdout.count(b"\n") == 9001


def test_a_process_that_ends_is_told(folder, monkeypatch):
    def ended(self, parts):
        raise BrokenProcessPool("gone")
        yield

    monkeypatch.setattr(Answering, "_of_workers", ended)
    (folder / "in.txt").write_text("anna\n")
    config = PredictionConfig(model_dir=str(folder), format="onnx", do_predict=True, workers=2,
                              pred_file=str(folder / "in.txt"), output_file=str(folder / "answers"))
    with pytest.raises(ModelLoadError, match="`workers=2`: one of the processes ended. If memory"):
        predict(open_predictor(folder, "onnx"), config)
    assert not (folder / "answers").exists()


def test_standard_streams(folder):
    done = run(f"--model_dir={folder}", "--format=onnx", "--columns=2", "--output_format=csv", stdin=b"a\tb\n1\tanna\n")
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.splitlines()[0] == b"line,text,pair,label,score,probabilities,error"
    assert done.stdout.splitlines()[1].startswith(b"2,anna,,")


def test_a_table_without_its_columns(folder):
    (folder / "in.csv").write_bytes(b"a,b\n1,anna\n")
    done = run(f"--model_dir={folder}", "--format=onnx", f"--pred_file={folder}/in.csv", "--columns=c")
    assert done.returncode == 2
    assert done.stderr.decode() == (f"error: {folder}/in.csv:1: no column 'c' in the header 'a, b'. Give --columns the "
                                    "names that stand there, or numbers from 1.\n")


@pytest.mark.parametrize("kind", ["tagging", "question_answering"])
def test_every_form_answers_long_texts_alike(models, tmp_path, tiny_tokenizer, kind):
    from xtremedistil_tf.export.saved_model import export_saved_model
    from xtremedistil_tf.students.model_directory import load_student

    folder = shutil.copytree(models.folder / kind, tmp_path / kind)
    saved = load_student(folder)
    export_saved_model(folder / "export" / "saved_model", saved.student, tiny_tokenizer, saved.task)
    rng = random.Random(3)
    lines = [" ".join(rng.choices(SENTENCES, k=count)) for count in (1, 150, 2)]
    question = "Who ?\t" * (kind == "question_answering")
    (tmp_path / "in.txt").write_text("".join(f"{question}{line}\n" for line in lines), encoding="utf-8")
    found = []
    for form in ("keras", "saved_model", "onnx", "tflite"):
        config = PredictionConfig(model_dir=str(folder), do_predict=True, pred_file=str(tmp_path / "in.txt"),
                                  output_file=str(tmp_path / form), format=form)
        predict(open_predictor(folder, form), config)
        found.append((tmp_path / form).read_text(encoding="utf-8").splitlines())
    assert len(found[0]) == 3
    if kind == "tagging":
        assert all(len(line.split("\t")[1].split()) == len(text.split()) for line, text in zip(found[0], lines))
        assert found[0] == found[1] == found[2] == found[3]
    else:  # scores may differ in the last decimal
        parts = [[line.split("\t")[:3] for line in lines] for lines in found]
        assert parts[0] == parts[1] == parts[2] == parts[3]
