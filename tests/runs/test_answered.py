"""Runs whose teacher is a file, rows or a Python object: from answers to a student, without any checkpoint."""

import json
import random

import pytest

import xtremedistil_tf as xd
from xtremedistil_tf.errors import ConfigError, DataError

pytestmark = pytest.mark.without_saved_model
SMALL = {"embedding_size": 8, "lstm_units": 8, "distil_epochs": 3, "seq_len": 16,
         "student_distil_batch_size": 16, "projection_size": 8}


NAMES, PLACES = ["anna", "boris", "dora", "emil"], ["paris", "oslo", "lima", "cairo"]
FILLERS = ["met", "in", "saw", "the", "old", "house", "yesterday", "and", "left", ".", ","]


def sentence(rng):
    words, tags = [], []
    for _ in range(rng.randint(2, 5)):
        kind = rng.random()
        if kind < 0.3:
            words, tags = [*words, *rng.sample(NAMES, 2)], [*tags, "B-PER", "I-PER"]
        elif kind < 0.6:
            words, tags = [*words, rng.choice(PLACES)], [*tags, "B-LOC"]
        words, tags = [*words, *rng.sample(FILLERS, 2)], [*tags, "O", "O"]
    return words, tags


def rows(count, seed=0):
    """Sentences with the entities that their tags spell, as GLiNER gives them."""
    rng, found = random.Random(seed), []
    while len(found) < count:
        words, tags = sentence(rng)
        entities, place = [], 0
        for word, tag in zip(words, tags):
            if tag[0] == "B":
                entities.append({"start": place, "end": place + len(word), "label": tag[2:], "score": 0.95})
            elif tag[0] == "I":
                entities[-1]["end"] = place + len(word)
            place += len(word) + 1
        found.append({"text": " ".join(words), "entities": entities})
    return found


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """(student, its folder) of answers alone."""
    folder = tmp_path_factory.mktemp("answers")
    file = folder / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows(300)))
    settings = SMALL | {"distil_epochs": 20}
    return xd.distil(transfer_labels=file, out=folder / "out", **settings), folder


def test_a_student_learns_from_answers_alone(tagger):
    student, _ = tagger
    assert student.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert student.metrics["student"]["f1"] > 0.8  # the entities are a closed list of names
    assert "teacher" not in student.metrics and student.metrics["reference"] == "teacher"
    (found,) = student.predict(["emil met dora in oslo, yesterday."])
    assert [(word.text, word.tag) for word in found.words][-4:] == [
        ("oslo", "B-LOC"), (",", "O"), ("yesterday", "O"), (".", "O")]


def test_tables_card_and_report_speak_of_agreement(tagger):
    _, folder = tagger
    for name in ("report.html", "README.md"):
        text = (folder / "out" / name).read_text()
        assert "agreement with the teacher" in text and "no gold labels" in text
    assert "model-index" not in (folder / "out" / "README.md").read_text()  # the hub would call it F1


def test_dev_and_test_are_no_transfer_text(tagger):
    student, folder = tagger
    answers = [json.loads(line) for file in (folder / "out" / "answers").glob("*.jsonl")
               for line in file.read_text().splitlines()]
    measured = {tuple(row["words"]) for row in answers if row["split"] != "train"}
    assert len(measured) == 2 * student.metrics["sentences"] > 0  # as many dev as test
    assert not measured & {tuple(row["words"]) for row in answers if row["split"] == "train"}


def test_the_same_call_reuses_everything(tagger, caplog):
    _, folder = tagger
    with caplog.at_level("INFO"):
        again = xd.distil(transfer_labels=folder / "answers.jsonl", out=folder / "out", **SMALL | {"distil_epochs": 20})
    assert "already complete" in caplog.text and "epoch 1" not in caplog.text
    assert again.metrics["student"]["f1"] > 0.8


def test_gold_labels_are_what_is_measured(tmp_path):
    def gold(count, seed):
        rng = random.Random(seed)
        return [sentence(rng) for _ in range(count)]

    student = xd.distil({"train": gold(30, 1), "dev": gold(20, 2), "test": gold(20, 3)}, transfer_labels=rows(120, 4),
                        out=tmp_path, kind="tagging", strategy="logits_labels", ft_epochs=2, **SMALL)
    assert student.metrics["sentences"] == 20 and "reference" not in student.metrics
    assert [phase["stage"] for phase in student.metrics["phases"]] == ["logits", "labels"]
    assert "agreement with the teacher" not in (tmp_path / "README.md").read_text()


def test_a_classifier_in_python_is_asked_once(tmp_path):
    asked = []

    def teacher(texts):
        asked.extend(texts)
        return [{"good": 0.9, "bad": 0.1} if "fine" in text else "bad" for text in texts]

    rng = random.Random(5)
    texts = [" ".join(rng.sample(["fine", "old", "film", "plot", "cast", "score", "scene", "end"], 4)) + f" {n}"
             for n in range(150)]
    student = xd.distil(transfer=texts, teacher=teacher, out=tmp_path, **SMALL)
    assert sorted(asked) == sorted(texts) and student.labels == ["bad", "good"]
    assert student.metrics["main_score"] == "accuracy"
    card = (tmp_path / "README.md").read_text()
    assert "| agreement with the teacher |" in card and "accuracy" not in card
    xd.distil(transfer=texts, teacher=teacher, out=tmp_path, **SMALL)
    assert len(asked) == len(texts)


def test_partial_teachers_teach_what_each_knows(tmp_path):
    def of(label):
        def answer(texts):
            found = {row["text"]: [one for one in row["entities"] if one["label"] == label] for row in rows(300)}
            return [found[text] for text in texts]

        answer.__qualname__ = label
        return answer

    texts = [row["text"] for row in rows(300)]
    teachers = [xd.PartialTeacher(of("PER"), knows=["PER"]), xd.PartialTeacher(of("LOC"), knows=["LOC"], weight=2)]
    student = xd.distil(transfer=texts, teacher=teachers, out=tmp_path, **SMALL | {"distil_epochs": 25})
    assert student.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    scores = student.metrics["student"]["per_type"]
    assert scores["PER"]["f1"] > 0.6 and scores["LOC"]["f1"] > 0.6, scores


def test_an_encoder_answers_beside_a_function(tmp_path, tiny_tagger_dir):
    def times(texts):
        return [[{"start": text.index("met"), "end": text.index("met") + 3, "label": "VERB"}] if "met" in text else []
                for text in texts]

    texts = [f"{name} met {place} {number}" for name in NAMES for place in PLACES for number in range(4)]
    teachers = [xd.PartialTeacher(str(tiny_tagger_dir), knows=["PER", "LOC"]), xd.PartialTeacher(times, knows=["VERB"])]
    student = xd.distil(transfer=texts, teacher=teachers, out=tmp_path / "out", **SMALL)
    assert student.labels[0] == "O" and set(student.labels) >= {"B-PER", "B-LOC", "B-VERB"}
    files = (tmp_path / "out/data").glob("asked-*.jsonl")
    asked = [json.loads(file.read_text().splitlines()[0]) for file in files]
    assert {key for row in asked for key in row} == {"text", "offsets", "scores", "entities", "id"}


def test_a_checkpoint_among_files_is_asked_about_the_transfer_text(tmp_path, tiny_tagger_dir):
    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.config.arguments import config_from
    from xtremedistil_tf.runs.asked_teacher import with_answers

    (tmp_path / "text.txt").write_text("anna met the paris\n")
    flags = {"transfer_labels": f"some.jsonl,{tiny_tagger_dir}?knows=PER", "transfer_file": str(tmp_path / "text.txt"),
             "model_dir": str(tmp_path / "out")}
    config = with_answers(config_from(DistillationConfig, flags))
    first, second = config.transfer_labels.split(",")
    assert first == "some.jsonl" and second.endswith("?knows=PER") and not config.transfer_file
    with open(second.partition("?")[0]) as file:
        assert len(json.loads(file.readline())["scores"]) == 4
    with pytest.raises(ConfigError, match="is a checkpoint, and `transfer_file` is not given"):
        config_from(DistillationConfig, flags | {"transfer_file": ""})
    with pytest.raises(ConfigError, match="`transfer_file` contradicts `transfer_labels`"):
        config_from(DistillationConfig, flags | {"transfer_labels": "some.jsonl"})


def test_settings_that_need_a_teacher_that_runs(tmp_path):
    with pytest.raises(ConfigError) as error:
        xd.distil(transfer_labels=rows(5), out=tmp_path, strategy="D4.2", transfer=["x"],
                  embedding_init="teacher_states")
    for part in ("`strategy=D4.2` needs the teacher's hidden states", "`transfer` contradicts `transfer_labels`",
                 "`embedding_init=teacher_states`"):
        assert part in str(error.value)
    with pytest.raises(ConfigError, match="`transfer` is required with a teacher that is a Python object"):
        xd.distil(teacher=lambda texts: texts, out=tmp_path)
    with pytest.raises(DataError, match="row 1 is a str"):
        xd.distil(transfer_labels=iter(["x"]), out=tmp_path)


def test_a_function_named_by_a_flag_is_asked_before_the_run(tmp_path, monkeypatch):
    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.config.arguments import config_from
    from xtremedistil_tf.runs.asked_teacher import with_answers

    (tmp_path / "my_teacher.py").write_text("def answer(texts):\n    return [text.split()[-1] for text in texts]\n")
    (tmp_path / "text.txt").write_text("a good\nanother good\none bad\n")
    monkeypatch.syspath_prepend(tmp_path)
    flags = {"teacher_function": "my_teacher:answer", "transfer_file": str(tmp_path / "text.txt"),
             "model_dir": str(tmp_path / "out")}
    config = with_answers(config_from(DistillationConfig, flags))
    with open(config.transfer_labels) as file:
        rows = [json.loads(line) for line in file]
    assert [(row["text"], row["label"]) for row in rows] == [
        ("a good", "good"), ("another good", "good"), ("one bad", "bad")]
    with pytest.raises(ConfigError, match="`teacher_function=my_teacher:no`: the module my_teacher has no no"):
        with_answers(config_from(DistillationConfig, flags | {"teacher_function": "my_teacher:no"}))
    with pytest.raises(ConfigError, match="`labels=`: expected the kinds of entities to find"):
        with_answers(config_from(DistillationConfig, flags | {
            "teacher_function": "", "pt_teacher_checkpoint": "gliner:some/model"}))


@pytest.mark.parametrize("content, expected", [
    ("person\t0\ta human being\ncompany\t1\n", {"person": "a human being", "company": ""}),
    ("0\tperson\ta human being\n", {"person": "a human being"}), ("person\n", {"person": ""})])
def test_labels_with_descriptions(tmp_path, content, expected):
    from xtremedistil_tf.runs.asked_teacher import _labels_of

    (tmp_path / "labels.tsv").write_text(content)
    assert _labels_of(str(tmp_path / "labels.tsv")) == expected
    assert _labels_of("person, company") == {"person": "", "company": ""}
