"""Students of every kind of task, distilled through the front door from Python objects, once for all tests."""

from __future__ import annotations

import contextlib
import random

import eager_runs
import pytest
import without_saved_model

NAMES, PLACES = ["anna", "boris", "chen", "dora"], ["paris", "oslo", "lima", "cairo"]
FILLERS = ["met", "in", "saw", "the", "old", "house", "near"]
#: Settings that make a run as small as it can be.
SMALL = dict(seq_len=24, embedding_size=6, lstm_units=4, teacher_epochs=1, distil_epochs=1, strategy="logits",
             student_distil_batch_size=32, accept_weak_teacher=True)


def words(rng: random.Random) -> list[str]:
    return [rng.choice(NAMES + PLACES + FILLERS) for _ in range(rng.randint(3, 7))]


def rows_of(kind: str, count: int, seed: int) -> list[tuple]:
    """Labelled rows as a user has them."""
    rng, rows = random.Random(seed), []
    for _ in range(count):
        sentence = words(rng)
        text = " ".join(sentence)
        if kind == "tagging":
            rows.append((sentence, ["B-PER" if w in NAMES else "B-LOC" if w in PLACES else "O" for w in sentence]))
        elif kind == "classification":
            rows.append((text, "person" if sentence[0] in NAMES else "other"))
        elif kind == "multi_label":
            rows.append((text, [name for name, group in (("person", NAMES), ("place", PLACES))
                                if set(sentence) & set(group)]))
        elif kind == "regression":
            rows.append((text, float(sum(w in NAMES for w in sentence))))
        else:
            rows.append(("near the house", text, sentence[-1]))
    return rows


def texts_of(kind: str, count: int, seed: int) -> list:
    rng = random.Random(seed)
    texts = [" ".join(words(rng)) for _ in range(count)]
    return [("near the house", text) for text in texts] if kind == "question_answering" else texts


@pytest.fixture(scope="session")
def distilled(made_once, flat_teacher_dir):
    """Kind -> folder of a student that was distilled from Python objects; nobody writes into it."""
    def distilled(kind: str):
        def fill(folder):
            import xtremedistil_tf as xd

            with contextlib.ExitStack() as stack:
                if kind != "tagging":  # one is enough for the tests that look at a SavedModel, or ask for graphs
                    stack.enter_context(without_saved_model.left_out())
                    stack.enter_context(eager_runs.eager_runs())
                xd.distil(task={"train": rows_of(kind, 24, 1), "dev": rows_of(kind, 12, 2),
                                "test": rows_of(kind, 12, 3)}, kind=kind, transfer=iter(texts_of(kind, 40, 4)),
                          teacher=str(flat_teacher_dir), out=folder, **SMALL)

        return made_once(f"api-{kind}", fill)

    return distilled


@pytest.fixture
def rows():
    return rows_of


@pytest.fixture
def texts():
    return texts_of


@pytest.fixture
def small():
    return dict(SMALL)
