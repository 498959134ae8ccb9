import numpy as np
import pytest

from xtremedistil_tf.augmentation.quality import TeacherAnswers
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.tasks.registry import make_task


class Ids:
    """A predictor whose logits are the pieces' own ids."""

    def logits(self, source):
        return [np.stack([source.read(i)["input_ids"]] * 2, -1).astype(np.float32) for i in range(len(source))]


def test_words_have_one_answer_each(word_tokenizer):
    examples = [Example(("the", "unseen", "cat")), Example(("walks", "x1", "."))]
    found = TeacherAnswers(make_task("tagging", ["O", "B-X"]), word_tokenizer, Ids(), 32)(examples)
    for example, rows in zip(examples, found):
        first_pieces = [word_tokenizer(word, add_special_tokens=False).input_ids[0] for word in example.words]
        assert rows.tolist() == [[i, i] for i in first_pieces]


def test_places_of_answers_are_the_first_piece_and_the_context(word_tokenizer):
    question = QuestionExample("1", "who saw", "the old cat")
    rows, = TeacherAnswers(make_task("question_answering", ["start", "end"]), word_tokenizer, Ids(), 32)([question])
    context = word_tokenizer(question.context, add_special_tokens=False).input_ids
    assert rows[:, 0].tolist() == [word_tokenizer.cls_token_id, *context]


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_texts_have_one_answer(kind, word_tokenizer):
    task = make_task(kind, ["a", "b"] if kind == "classification" else ["score"])
    found = TeacherAnswers(task, word_tokenizer, Ids(), 32)([TextExample("the cat"), TextExample("a dog", "cat")])
    assert [len(rows) for rows in found] == [4, 6]  # whatever the predictor gives for the input
