"""Small real parts for tests: a random BERT teacher with its tokenizer, and a task it can learn."""

from __future__ import annotations

import os
import pathlib
import random
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Tiny models gain nothing from threads, and the workers have a core each.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import filelock
import hypothesis
import pytest

from xtremedistil_tf.evaluation import footprint
from xtremedistil_tf.process import hide_triton

hide_triton()
# How fast they are is no test's question.
footprint.SECONDS, footprint.FEWEST_RUNS = 0.0, 1
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

pytest.register_assert_rewrite("conformance")
pytest_plugins = ["garbage", "leftovers", "forked_python", "durations", "skips", "short_stacks", "shared_conversions",
                  "read_only", "plain_graphs", "without_saved_model", "eager_runs"]


NAMES = ["anna", "boris", "chen", "dora", "emil", "fatima", "göran", "hana"]
PLACES = ["paris", "oslo", "москва", "lima", "北京", "cairo", "wien", "quito"]
FILLERS = ["met", "in", "saw", "the", "old", "house", "near", "yesterday", "and", "left", ".", ","]
LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def sentence(rng: random.Random) -> tuple[list[str], list[str]]:
    words, tags = [], []
    for _ in range(rng.randint(2, 5)):
        kind = rng.random()
        if kind < 0.3:
            words += [rng.choice(NAMES), rng.choice(NAMES)]
            tags += ["B-PER", "I-PER"]
        elif kind < 0.55:
            words.append(rng.choice(PLACES))
            tags.append("B-LOC")
        for _ in range(rng.randint(1, 3)):
            words.append(rng.choice(FILLERS))
            tags.append("O")
    return words, tags


def write_tsv(path: pathlib.Path, rng: random.Random, count: int) -> None:
    rows = [sentence(rng) for _ in range(count)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{' '.join(w)}\t{' '.join(t)}\n" for w, t in rows), encoding="utf-8")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[pathlib.Path], object]], pathlib.Path]:
    """(name, function that fills a folder) -> the folder, filled once for all workers. Nobody writes into it again."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def made_once(name: str, fill: Callable[[pathlib.Path], object]) -> pathlib.Path:
        folder, part = root / f"shared-{name}", root / f"shared-{name}.part"
        with filelock.FileLock(f"{folder}.lock"):
            if not folder.exists():
                part.mkdir()
                fill(part)
                part.rename(folder)
        return folder

    return made_once


@pytest.fixture(scope="session")
def tiny_task(made_once) -> pathlib.Path:
    """A task in two languages, with transfer text beside it (`unlabeled.txt`)."""
    def fill(root: pathlib.Path) -> None:
        rng = random.Random(7)
        for language in ("xx", "yy"):
            for split, count in (("train", 60), ("dev", 20), ("test", 20)):
                write_tsv(root / language / f"{split}.tsv", rng, count)
        text = "".join(" ".join(sentence(rng)[0]) + "\n" for _ in range(300))
        (root / "unlabeled.txt").write_text(text, encoding="utf-8")

    return made_once("task", fill)


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory):
    """A cased WordPiece tokenizer whose words fall into several pieces."""
    from transformers import BertTokenizerFast

    letters = sorted({c for word in NAMES + PLACES + FILLERS for c in word})
    pieces = letters + ["##" + c for c in letters] + ["an", "##na", "par", "##is", "the", "met", "мос", "##ква"]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(pieces)]
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    return BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False)


def save_bert(folder: pathlib.Path, tokenizer, layers: int) -> None:
    """A random BERT as a Hugging Face directory."""
    import tf_keras
    from transformers import BertConfig, TFBertModel

    tf_keras.utils.set_random_seed(3)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=layers, num_attention_heads=2,
                        intermediate_size=64, max_position_embeddings=64)
    model = TFBertModel(config)
    model.build_in_name_scope() if hasattr(model, "build_in_name_scope") else model(model.dummy_inputs)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_teacher_dir(made_once, tiny_tokenizer) -> pathlib.Path:
    """A random 2-layer BERT as a Hugging Face directory."""
    return made_once("teacher", lambda folder: save_bert(folder, tiny_tokenizer, 2))


@pytest.fixture(scope="session")
def flat_teacher_dir(made_once, tiny_tokenizer) -> pathlib.Path:
    """The same with one layer, for runs where its inner layers are no question: a sixth of their time."""
    return made_once("flat-teacher", lambda folder: save_bert(folder, tiny_tokenizer, 1))


@pytest.fixture(scope="session")
def tiny_tagger_dir(made_once, tiny_task, tiny_teacher_dir) -> pathlib.Path:
    """The random BERT after an epoch on the tiny task, as `--teacher_model_dir`."""
    def fill(folder: pathlib.Path) -> None:
        from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
        from xtremedistil_tf.fingerprint import examples_fingerprint
        from xtremedistil_tf.tasks.opening import load_task
        from xtremedistil_tf.tasks.tagging import TaggingTask
        from xtremedistil_tf.teachers.fine_tuned import make_teacher
        from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe

        corpus, checkpoint = load_task(tiny_task), str(tiny_teacher_dir)
        make_teacher(checkpoint, folder, load_tokenizer(checkpoint), TaggingTask(corpus.labels), corpus.train,
                     corpus.dev, examples_fingerprint(corpus.train), TeacherRecipe(1, 1e-3, 32, 1, 24, 0), 5.0)

    return next(path.parent for path in made_once("tagger", fill).glob("*/config.json"))
