"""The plan of a run, against the run."""

from __future__ import annotations

import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.runs.distil import prepare, train
from xtremedistil_tf.runs.plan_lines import shown_seconds
from xtremedistil_tf.runs.planning import dry_run
from xtremedistil_tf.runs.run import Run


def config(task, teacher, out, **options):
    return DistillationConfig(**dict(
        task=str(task), transfer_file=str(task / "unlabeled.txt"), model_dir=str(out), do_NER=True,
        pt_teacher_checkpoint=str(teacher), seq_len=24, teacher_epochs=1, distil_epochs=3, ft_epochs=2,
        embedding_size=8, lstm_units=6, strategy="D4.1", student_distil_batch_size=16,
        student_ft_batch_size=8, teacher_ft_batch_size=8, direct_baseline=True, accept_weak_teacher=True) | options)


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_task, flat_teacher_dir):
    out = tmp_path_factory.mktemp("run") / "out"
    settings = config(tiny_task, flat_teacher_dir, out, direct_baseline=False, distil_epochs=1, ft_epochs=1)
    return train(prepare(Run.of(settings)))


def test_the_plan_is_that_of_the_run(run, tmp_path, tiny_task, flat_teacher_dir, capsys):
    settings = config(tiny_task, flat_teacher_dir, tmp_path / "new")
    steps = {step.name: step for step in dry_run(settings)}
    assert not (tmp_path / "new").exists()
    printed = capsys.readouterr().out

    corpus = run.prepared.labelled.corpus
    assert list(steps) == ["teacher", "teacher over transfer set", "1-representation", "2-logits", "3-labels",
                           "labels alone: 1-labels"]
    assert steps["teacher over transfer set"].examples == run.prepared.text.used.sentences
    labelled, transfer = len(corpus.train), len(run.data.data.transfer.train)
    assert (steps["2-logits"].examples, steps["2-logits"].epochs) == (transfer, 3)
    assert steps["2-logits"].steps == 3 * -(-transfer // 16)
    assert (steps["3-labels"].examples, steps["3-labels"].steps) == (labelled, 2 * -(-labelled // 8))
    assert all(step.seconds > 0 for step in steps.values())

    taken = sum(file.stat().st_size for file in run.store.rglob("*.npy")) / 1e6
    (told,) = (float(part.split()[2]) for part in printed.split("free:")[1].split(", ") if "transfer store" in part)
    assert told == pytest.approx(taken, rel=0.15, abs=0.1)

    lengths = [len(example.words) for example in corpus.dev]
    (words,) = (line for line in printed.splitlines() if line.startswith("words a sentence"))
    assert float(words.split()[-1]) == pytest.approx(sum(lengths) / len(lengths), abs=0.06)
    before = printed.split("measuring each step")[0]  # what needs no measurement comes first
    assert "`word_splitting=auto`: raw text is split at white space" in before.split("labelled  ")[0]
    assert words in before and f"labelled   {len(corpus.train)} train, {len(corpus.dev)} dev" in before


def test_an_existing_folder_and_a_finished_teacher_stay_as_they_are(run, tiny_task, flat_teacher_dir):
    before = {path: path.stat().st_mtime_ns for path in run.prepared.run.folder.rglob("*") if path.is_file()}
    assert before
    steps = dry_run(config(tiny_task, flat_teacher_dir, run.prepared.run.folder, strategy="D0S", direct_baseline=False,
                           teacher_model_dir=str(run.prepared.teachers.fine_tuned.path)))
    assert {path: path.stat().st_mtime_ns for path in run.prepared.run.folder.rglob("*") if path.is_file()} == before
    assert "teacher" not in [step.name for step in steps]  # it is there already


@pytest.mark.parametrize("seconds, shown", [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5340, "89 min"),
                                            (11100, "3 h 05 min")])
def test_durations(seconds, shown):
    assert shown_seconds(seconds) == shown
