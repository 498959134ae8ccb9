"""Whether a teacher that somebody else fine-tuned answers in the tag scheme that its labels have the names of."""

from __future__ import annotations

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.tag_schemes import IOB1, is_iob2, to_iob2
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.evaluation.measuring import teacher_answers
from xtremedistil_tf.runs.labelled_data import Labelled
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging.tag_scores import entity_scores
from xtremedistil_tf.teachers.fine_tuned import FineTuned

#: Dev sentences with entities that are asked, and entities in the answers that tell anything.
_CHECKED, _FEWEST = 200, 10
#: Share of the entities that begin with I- in IOB1; F1 above which answers are no chance.
_MOSTLY, _FAIR = 0.8, 0.3


def check_scheme(teacher: FineTuned, labelled: Labelled, seq_len: int) -> None:
    """Refuses a teacher that was not fine-tuned here and answers in IOB1, though its labels have the names of IOB2's.

    Which it does only its answers tell: on dev sentences they are right if an `I-` may begin an entity, and wrong if
    not.

    Args:
        teacher: a tagger; another one passes.
        labelled: the labelled side of the run.
        seq_len: most pieces of an input.

    Raises:
        ModelLoadError: it answers in IOB1.
    """
    task = labelled.task
    if task.outside is None or not all(map(is_iob2, task.labels)):
        return
    dev = [example for example in labelled.corpus.dev if isinstance(example, Example)
           and any(tag.startswith("B-") for tag in example.tags or ())][:_CHECKED]
    loaded = teacher.load(make_task(task.kind, task.labels, decoding="argmax"))
    answers = teacher_answers(loaded, labelled.tokenizer, dev, seq_len) if dev else []
    as_iob1 = [to_iob2(tags, IOB1) for tags in answers]
    begun = sum(one.begun for one in as_iob1)
    entities = begun + sum(one.adjacent + one.free for one in as_iob1)
    if entities < _FEWEST or begun < _MOSTLY * entities:
        return
    gold = [example.tags or () for example in dev]
    strict, lenient = (entity_scores(gold, tags)["f1"] for tags in (answers, [one.tags for one in as_iob1]))
    if lenient > max(_MOSTLY * strict, 2 * strict, _FAIR):
        raise ModelLoadError(f"teacher {teacher.path}: it answers in IOB1: {begun} of {entities} entities of "
                             f"{len(dev)} dev sentences begin with I- (F1 {strict:.2f}; {lenient:.2f} if that counts). "
                             "Expected IOB2; `refine_teacher` fine-tunes it on your labels.")
