"""The command lines of the original's README and of its argument parsers, as they are typed there."""

from __future__ import annotations

import pathlib
import random
import shlex
import subprocess

import pytest

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig, ModelFineTuningConfig, PredictionConfig, StudentFineTuningConfig

ROOT = pathlib.Path(__file__).resolve().parents[2]

# From the original's README (the ONNX script is not among them).
NER = """PYTHONHASHSEED=42 python run_xtreme_distil.py
--task $$PT_DATA_DIR/datasets/NER
--model_dir $$PT_OUTPUT_DIR
--seq_len 32
--transfer_file $$PT_DATA_DIR/datasets/NER/unlabeled.txt
--do_NER
--pt_teacher TFBertModel
--pt_teacher_checkpoint bert-base-multilingual-cased
--student_distil_batch_size 256
--student_ft_batch_size 32
--teacher_batch_size 128
--pt_student_checkpoint microsoft/xtremedistil-l6-h384-uncased
--distil_chunk_size 10000
--teacher_model_dir $$PT_OUTPUT_DIR
--distil_multi_hidden_states
--distil_attention
--compress_word_embedding
--freeze_word_embedding
--opt_policy mixed_float16"""
MNLI = """PYTHONHASHSEED=42 python run_xtreme_distil.py
--task $$PT_DATA_DIR/glue_data/MNLI
--model_dir $$PT_OUTPUT_DIR
--seq_len 128
--transfer_file $$PT_DATA_DIR/glue_data/MNLI/train.tsv
--do_pairwise
--pt_teacher TFElectraModel
--pt_teacher_checkpoint google/electra-base-discriminator
--student_distil_batch_size 128
--student_ft_batch_size 32
--pt_student_checkpoint microsoft/xtremedistil-l6-h384-uncased
--teacher_model_dir $$PT_OUTPUT_DIR
--teacher_batch_size 32
--distil_chunk_size 300000
--opt_policy mixed_float16"""
PREDICT = """PYTHONHASHSEED=42 python run_xtreme_distil_predict.py
--do_eval
--model_dir $$PT_OUTPUT_DIR
--do_predict
--pred_file ../../datasets/NER/unlabeled.txt
--opt_policy mixed_float16"""
FINE_TUNE = "PYTHONHASHSEED=42 python run_xtreme_distil_ft.py --model_dir $$PT_OUTPUT_DIR"
# The README has no command for this script; this one has all flags of its parser.
MODEL_FINE_TUNE = """PYTHONHASHSEED=42 python run_model_ft.py
--task $$PT_DATA_DIR/glue_data/MNLI
--model_dir $$PT_OUTPUT_DIR
--seq_len 128
--multilingual
--do_pairwise
--pt_model TFElectraModel
--pt_model_checkpoint google/electra-base-discriminator
--batch_size 32
--ft_epochs 1
--patience 5
--opt_policy"""

CONFIGS = {"run_xtreme_distil.py": DistillationConfig, "run_xtreme_distil_predict.py": PredictionConfig,
           "run_xtreme_distil_ft.py": StudentFineTuningConfig, "run_model_ft.py": ModelFineTuningConfig}


def words_of(command: str) -> list[str]:
    """The words after `python`."""
    return shlex.split(command.replace("\n", " "))[2:]


@pytest.mark.parametrize("command", [NER, MNLI, PREDICT, FINE_TUNE, MODEL_FINE_TUNE])
@pytest.mark.parametrize("equals", [False, True])
def test_the_flags_mean_what_they_say(command, equals):
    script, *words = words_of(command)
    pairs = {}
    for word, following in zip(words, [*words[1:], "--"]):
        if word.startswith("--"):
            pairs[word[2:]] = True if following.startswith("--") else following
    if equals:
        words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in pairs.items()]
    config = parse_flags(CONFIGS[script], [script, *words], "")
    for name, value in pairs.items():
        if not (name == "opt_policy" and value is True):
            assert str(getattr(config, name)) == str(value), name


def test_flags_whose_value_may_be_left_out():
    required = ["x", "--task", "t", "--model_dir", "m", "--seq_len", "32", "--transfer_file", "f",
                "--teacher_model_dir", "m"]
    plain = parse_flags(DistillationConfig, required, "")
    bare = parse_flags(DistillationConfig, [*required, "--pt_student_checkpoint", "--opt_policy"], "")
    assert bare == plain and (plain.opt_policy, plain.pt_student_checkpoint) == ("float32", "")
    sizes = parse_flags(DistillationConfig, [*required, "--hidden_size", "384", "--num_attention_heads", "6",
                                             "--num_hidden_layers", "6", "--ft_epochs", "7",
                                             "--distil_epochs=8", "--patience", "3"], "")
    assert (sizes.hidden_size, sizes.num_attention_heads, sizes.num_hidden_layers) == (384, 6, 6)
    assert (sizes.ft_epochs, sizes.distil_epochs, sizes.patience) == (7, 8, 3)


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_tokenizer):
    """A folder with data laid out as the original's README has it, and with tiny checkpoints."""
    import tf_keras
    from transformers import BertConfig, BertTokenizerFast, ElectraConfig, TFBertModel, TFElectraModel

    root, rng = tmp_path_factory.mktemp("place"), random.Random(1)
    names, places = ["anna", "boris", "dora"], ["paris", "oslo", "wien"]
    others = ["met", "in", "the", "old", "left"]

    def tagged(label_column: bool) -> str:
        words = [rng.choice(rng.choice([names, places, others])) for _ in range(rng.randint(3, 7))]
        tags = ["B-PER" if w in names else "B-LOC" if w in places else "O" for w in words]
        return " ".join(words) + ("\t" + " ".join(tags)) * label_column

    def pair() -> str:
        first, second = rng.choice(names), rng.choice(names)
        return f"{first} met the\t{second} left\t{int(first == second) + int(first == second == 'anna')}"

    ner, mnli = root / "datasets" / "NER", root / "glue_data" / "MNLI"
    for folder, line in ((ner, lambda: tagged(True)), (mnli, pair)):
        folder.mkdir(parents=True)
        for split, count in (("train", 48), ("dev", 16), ("test", 16)):
            (folder / f"{split}.tsv").write_text("".join(line() + "\n" for _ in range(count)))
    (ner / "labels.tsv").write_text("O\nB-PER\nI-PER\nB-LOC\nI-LOC\nX\n[CLS]\n[SEP]\n")
    (ner / "unlabeled.txt").write_text("".join(tagged(False) + "\n" for _ in range(64)))

    tf_keras.utils.set_random_seed(2)
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 128}
    size = len(tiny_tokenizer)
    electra = ElectraConfig(vocab_size=size, embedding_size=16, hidden_size=32, intermediate_size=64, **sizes)
    bert = BertConfig(vocab_size=size, hidden_size=16, intermediate_size=32, **sizes)
    for name, model in (("student", TFBertModel(bert)), ("electra", TFElectraModel(electra))):
        model.build_in_name_scope()
        model.save_pretrained(root / name, safe_serialization=True)
        tiny_tokenizer.save_pretrained(root / name)
    # A student with other pieces than its teacher, as the README's NER command has.
    other = TFBertModel(BertConfig(vocab_size=30, hidden_size=16, intermediate_size=32, **sizes))
    other.build_in_name_scope()
    other.save_pretrained(root / "other-student", safe_serialization=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxy"]
    (root / "vocab.txt").write_text("\n".join(pieces))
    BertTokenizerFast(str(root / "vocab.txt")).save_pretrained(root / "other-student")
    return root


@pytest.fixture
def run(place, python):
    """Runs a command with its paths and checkpoints replaced, and with what makes it small appended."""

    def run(command: str, out: str, checkpoints: dict[str, pathlib.Path], *appended: str):
        for name, path in {"$$PT_DATA_DIR": place, "$$PT_OUTPUT_DIR": place / out,
                           "../../datasets": place / "datasets", **checkpoints}.items():
            command = command.replace(name, str(path))
        done = subprocess.run([python, *words_of(command), *appended], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    return run


SMALL = ("--teacher_epochs=1", "--distil_epochs=1", "--ft_epochs=1", "--accept_weak_teacher")


@pytest.mark.eager_runs
def test_the_ner_commands(run, place, flat_teacher_dir):
    out = place / "ner"
    run(NER, "ner", {"bert-base-multilingual-cased": flat_teacher_dir,
                     "microsoft/xtremedistil-l6-h384-uncased": place / "other-student"}, *SMALL)
    for name in ("xtremedistil-config.json", "metrics.json", "export/saved_model/saved_model.pb"):
        assert (out / name).exists(), name
    assert not (out / "teacher").exists()  # it is where --teacher_model_dir says
    predicted = run(PREDICT, "ner", {})
    text = (place / "datasets" / "NER" / "unlabeled.txt").read_text().splitlines()
    lines = [line.split("\t") for line in (out / "predictions.txt").read_text().splitlines()]
    assert [words for words, _ in lines] == text
    assert {tag for _, tags in lines for tag in tags.split()} <= {"O", "B-PER", "I-PER", "B-LOC", "I-LOC"}
    assert "entity F1" in predicted.stderr
    run(FINE_TUNE, "ner", {}, "--ft_epochs=1")
    assert (out / "fine-tuned" / "scores.json").exists()


@pytest.mark.without_saved_model
@pytest.mark.eager_runs
def test_the_mnli_command(run, place):
    """In two phases: the command before has those that are the default."""
    run(MNLI, "mnli", {"google/electra-base-discriminator": place / "electra",
                       "microsoft/xtremedistil-l6-h384-uncased": place / "student"}, *SMALL,
        "--strategy=logits_labels")
    assert (place / "mnli" / "metrics.json").exists()


@pytest.mark.eager_runs
def test_fine_tuning_a_model_alone(run, place):
    done = run(MODEL_FINE_TUNE, "model", {"google/electra-base-discriminator": place / "electra"})
    assert "accuracy" in done.stdout and (place / "model" / "scores.json").exists()
