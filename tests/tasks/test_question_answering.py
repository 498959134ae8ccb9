"""Question answering: columns, targets, losses, and decoding over windows."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Answer, QuestionExample
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.question_answering.formats import AnswerSpan
from xtremedistil_tf.tasks.question_answering.task import QuestionAnsweringTask
from xtremedistil_tf.training.batches import pad_batch

TASK = QuestionAnsweringTask()
FILLER = "met in saw the old house near yesterday"


def question(context, *answers, **more):
    found = tuple(Answer(answer, context.index(answer)) for answer in answers)
    return QuestionExample("q", "anna ?", context, found, **more)


def one_hot(features, positions):
    """Logits with 1 at each row's (start, end)."""
    rows = []
    for row, pair in enumerate(positions):
        logits = np.zeros((features.features.lengths[row], 2), np.float32)
        logits[list(pair), [0, 1]] = 1
        rows.append(logits)
    return rows


def test_columns_and_targets_of_every_window(tiny_tokenizer):
    example = question(f"{FILLER} paris oslo , {FILLER}", "paris oslo", "oslo")
    encoded = TASK.training_features(tiny_tokenizer, [example], seq_len=30)
    room = 30 - 3 - len(tiny_tokenizer("anna ?", add_special_tokens=False)["input_ids"])
    own = tiny_tokenizer(example.question, example.context, truncation="only_second", max_length=30,
                         stride=room // 2, return_overflowing_tokens=True, return_offsets_mapping=True)
    assert len(encoded.features) == len(own["input_ids"]) > 2
    begin, answered = example.context.index("paris"), 0
    for number in range(len(encoded.features)):
        row, sequences = encoded.features.read(number), own.sequence_ids(number)
        offsets = own["offset_mapping"][number]
        assert row["input_ids"].tolist() == own["input_ids"][number]
        assert row["token_type_ids"].tolist() == own["token_type_ids"][number]
        assert row["answer_mask"].tolist() == [float(i == 0 or s == 1) for i, s in enumerate(sequences)]
        starts = [i for i, s in enumerate(sequences) if s == 1 and offsets[i][0] == begin]
        ends = [i for i, s in enumerate(sequences) if s == 1 and offsets[i][1] == begin + len("paris oslo")]
        whole = bool(starts and ends)
        assert (row["start_positions"], row["end_positions"]) == ((starts[0], ends[0]) if whole else (0, 0))
        answered += whole
    assert 0 < answered < len(encoded.features) and encoded.truncated == 0


def test_one_row_per_example_of_the_transfer_set(tiny_tokenizer):
    examples = [question(f"{FILLER} " * 9), question("in paris"), QuestionExample("q", "the " * 50, "paris")]
    encoded = TASK.text_features(tiny_tokenizer, iter(examples), 40)
    assert len(encoded.features) == 3 and encoded.truncated == 2
    assert list(encoded.features.columns) == ["input_ids", "token_type_ids", "answer_mask"]
    assert TASK.training_features(tiny_tokenizer, examples[:2], 40).truncated == 0


def test_losses_leave_out_what_can_be_no_answer(tiny_tokenizer):
    examples = [question("in paris", "paris"), question("the", "the")]
    batch = pad_batch(TASK.training_features(tiny_tokenizer, examples, 40).features, np.arange(2), 0)
    shape = (2, *batch["input_ids"].shape, 2)
    logits, teacher = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    batch["teacher_logits"] = teacher
    kept = batch["answer_mask"][..., None] > 0
    moved = np.where(kept, logits, logits + 100)
    unmoved = float(TASK.label_loss(batch, logits))
    assert float(TASK.label_loss(batch, moved)) == pytest.approx(unmoved, rel=1e-6)
    assert float(TASK.logit_loss(batch, moved)) == pytest.approx(
        np.mean(0.5 * ((teacher - logits) ** 2).sum(-1)[kept[..., 0]]), rel=1e-5)
    pieces = sum(len(tiny_tokenizer(t, add_special_tokens=False)["input_ids"]) for t in ("in paris", "the"))
    assert float(TASK.weight_of(batch)) == pieces + 2
    right = np.zeros_like(logits)
    for row in range(2):
        right[row, batch["start_positions"][row], 0] = right[row, batch["end_positions"][row], 1] = 50
    assert float(TASK.label_loss(batch, right)) == pytest.approx(0, abs=1e-6)


@settings(max_examples=200)
@given(st.lists(st.one_of(st.sampled_from(["anna", "paris", "the"]), st.text(max_size=6)), min_size=1,
                max_size=30).map(" ".join), st.data())
def test_a_gold_answer_as_logits_is_decoded(tiny_tokenizer, context, data):
    words = tiny_tokenizer(context, add_special_tokens=False).encodings[0].offsets
    assume(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, min(first + 9, len(words) - 1)))
    begin, end = words[first][0], words[last][1]
    example = QuestionExample("q", "anna ?", context, (Answer(context[begin:end], begin),))
    taught = TASK.training_features(tiny_tokenizer, [example], 40).features
    features = TASK.prediction_features(tiny_tokenizer, [example], 40)
    rows = [taught.read(row) for row in range(len(taught))]
    logits = one_hot(features, [(row["start_positions"], row["end_positions"]) for row in rows])
    (answer,) = TASK.decode(features, logits)
    gold = context[begin:end]
    assert answer.text == context[answer.start: answer.end] == gold.strip()
    assert answer.score == 2 and TASK.scores([example], [answer])["exact_match"] == 1


def test_the_best_span_over_all_windows(tiny_tokenizer):
    context = f"{FILLER} paris , {FILLER} oslo ."
    features = TASK.prediction_features(tiny_tokenizer, [question(context), question("lima")], 30)
    logits = [np.zeros((n, 2), np.float32) for n in features.features.lengths]
    for row, (number, window) in enumerate(features.windows):
        logits[row][window.no_answer_at] = 5 - row
        # pieces of the question and special tokens are no answers, and an answer ends after it starts
        logits[row][: window.context_at] += 100
        logits[row][window.no_answer_at] -= 100
        for word, height in (("paris", 1), ("oslo", 2), ("lima", 3)):
            begin = context.find(word) if number == 0 else 0
            for piece in range(window.start, window.stop):
                position = window.context_at + piece - window.start
                if number == (word == "lima") and features.offsets[number][piece][0] == begin:
                    logits[row][position, 0] += height
                if number == (word == "lima") and features.offsets[number][piece][1] == begin + len(word):
                    logits[row][position, 1] += height
    oslo, lima = TASK.decode(features, logits)
    assert (oslo.text, oslo.start, oslo.score) == ("oslo", context.index("oslo"), 4)
    assert (lima.text, lima.start, lima.end, lima.score) == ("lima", 0, 4, 6)
    rows = sum(number == 0 for number, _ in features.windows)
    assert rows > 2 and oslo.no_answer_score == 2 * (5 - (rows - 1))


def test_no_answer(tiny_tokenizer):
    with_none = QuestionAnsweringTask(version_2=True)
    features = TASK.prediction_features(tiny_tokenizer, [question("paris")], 40)
    logits = np.zeros((features.features.lengths[0], 2), np.float32)
    logits[features.windows[0][1].no_answer_at] = 1.5
    (sure,), (unsure,) = TASK.decode(features, [logits]), with_none.decode(features, [logits])
    assert sure.text and unsure.text == "" and (unsure.start, unsure.end) == (0, 0)
    assert unsure.score == sure.score == 0 and unsure.no_answer_score == sure.no_answer_score == 3
    with_none.null_threshold = 3.0
    assert with_none.decode(features, [logits])[0].text == sure.text


def test_a_context_without_anything_visible_has_no_answer(tiny_tokenizer):
    features = TASK.prediction_features(tiny_tokenizer, [question(" \u200b "), question("")], 40)
    answers = TASK.decode(features, [np.ones((n, 2), np.float32) for n in features.features.lengths])
    assert [(a.text, a.start, a.end, a.score, a.no_answer_score) for a in answers] == [("", 0, 0, 2, 2)] * 2


def test_answers_are_at_most_30_pieces(tiny_tokenizer):
    features = TASK.prediction_features(tiny_tokenizer, [question("the " * 40)], None)
    window = features.windows[0][1]
    logits = np.zeros((features.features.lengths[0], 2), np.float32)
    logits[window.context_at, 0] = logits[window.context_at + 39, 1] = 9
    logits[window.context_at + 29, 1] = 8
    assert TASK.decode(features, [logits])[0].text == " ".join(["the"] * 30)


def test_scores_per_language():
    examples = [question("in paris", "paris", language="de"), question("in oslo", language="en")]
    predictions = [AnswerSpan(text, 0, len(text), 0.0, 0.0) for text in ("paris", "oslo")]
    scores = TASK.scores(examples, predictions)
    assert scores["f1"] == 0.5 and scores["per_language"]["en"]["no_answer_f1"] == 0
    assert scores["mean_f1"] == 0.5 and scores["std_f1"] == 0.5


def test_refusals(tiny_tokenizer):
    with pytest.raises(ConfigError, match="two outputs, start and end; found 3"):
        QuestionAnsweringTask(["a", "b", "c"])
    with pytest.raises(ConfigError, match="`metric=accuracy`: expected one of f1, exact_match"):
        QuestionAnsweringTask(main_score="accuracy")
    with pytest.raises(DataError, match="dev.json:2: no answers, expected labelled"):
        unlabelled = QuestionExample("q", "a", "b", source="dev.json", line=2)
        TASK.training_features(tiny_tokenizer, [unlabelled], 40)


def test_a_small_model_learns_it(tiny_tokenizer):
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    examples = [question(f"{FILLER} " * n + f"{place} {FILLER}", place)
                for n in range(3) for place in ("lima", "北京", "quito")]
    encoded = TASK.training_features(tiny_tokenizer, examples, 48).features
    batch = pad_batch(encoded, np.arange(len(encoded)), 0)
    inputs = tf_keras.Input((None,), dtype=tf.int32)
    hidden = tf_keras.layers.Conv1D(32, 5, padding="same", activation="relu")(
        tf_keras.layers.Embedding(len(tiny_tokenizer), 16)(inputs))
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(hidden))
    optimizer = tf_keras.optimizers.Adam(0.02)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = TASK.label_loss(batch, model(batch["input_ids"]))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return loss

    first = float(step())
    for _ in range(100):
        last = float(step())
    assert last < first / 5
    features = TASK.prediction_features(tiny_tokenizer, examples, 48)
    logits = model(batch["input_ids"]).numpy()
    rows = [logits[row, : features.features.lengths[row]] for row in range(len(logits))]
    assert [a.text for a in TASK.decode(features, rows)] == [e.answers[0].text for e in examples]
