"""Which of the student's states imitates which of the teacher's. State 0 is the embedding output, state i
the output of layer i."""

from __future__ import annotations

from xtremedistil_tf.errors import ConfigError

UNIFORM, LAST = "uniform", "last"

LayerMap = tuple[tuple[int, int], ...]


def layer_map(spec: str, student_layers: int, teacher_layers: int) -> LayerMap:
    """Pairs (student state, teacher state), from the bottom up.

    Args:
        spec: one of
            `uniform`: state i of L against the teacher's state i/L of the way up (embeddings against
            embeddings, top against top);
            `last`: the student's L + 1 states against the teacher's last L + 1 (XtremeDistilTransformers);
            pairs such as `0:0,2:1,4:2`, student before teacher;
            numbers such as `2,4,6`: the teacher's states for the student's topmost states, top last.
        student_layers, teacher_layers: numbers of layers.

    Raises:
        ConfigError: the specification cannot be read, or names a state that does not exist.
    """
    spec = spec.strip()
    if spec == UNIFORM:
        return _uniform(student_layers, teacher_layers)
    if spec == LAST:
        if student_layers > teacher_layers:
            raise ConfigError(f"`layer_map=last`: the student has {student_layers} layers and the teacher "
                              f"only {teacher_layers}. Use `layer_map=uniform`, or a student with fewer "
                              "layers.")
        return tuple((i, teacher_layers - student_layers + i) for i in range(student_layers + 1))
    pairs = _pairs(spec, student_layers)
    for which, position, layers in (("student", 0, student_layers), ("teacher", 1, teacher_layers)):
        wrong = [pair[position] for pair in pairs if not 0 <= pair[position] <= layers]
        if wrong:
            raise ConfigError(f"`layer_map={spec}`: the {which} has no state {wrong[0]}. Expected 0 (the "
                              f"embedding output) to {layers}.")
    return pairs


def top_pair(teacher_layer: int, student_layers: int, teacher_layers: int) -> LayerMap:
    """The map without `distil_multi_hidden_states`: the student's top state against one of the teacher's.

    Args:
        teacher_layer: 1 to the number of layers; 0: the top one.
    """
    if teacher_layer > teacher_layers:
        raise ConfigError(f"`teacher_layer={teacher_layer}`: the teacher has {teacher_layers} layers. "
                          f"Expected 1 to {teacher_layers}, or 0 for its top layer.")
    return ((student_layers, teacher_layer or teacher_layers),)


def _uniform(student_layers: int, teacher_layers: int) -> LayerMap:
    steps = min(student_layers, teacher_layers)
    if not steps:
        raise ConfigError("`layer_map=uniform`: expected at least one layer on both sides.")

    def at(step: int, layers: int) -> int:
        return (2 * step * layers + steps) // (2 * steps)

    return tuple((at(step, student_layers), at(step, teacher_layers)) for step in range(steps + 1))


def _pairs(spec: str, student_layers: int) -> LayerMap:
    parts = [part.strip() for part in spec.split(",")]
    try:
        if any(":" in part for part in parts):
            pairs = [tuple(int(number) for number in part.split(":")) for part in parts]
        else:
            lowest = student_layers + 1 - len(parts)
            pairs = [(lowest + i, int(part)) for i, part in enumerate(parts)]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError
    except ValueError:
        raise ConfigError(f"`layer_map={spec}`: expected uniform, last, pairs of student and teacher state "
                          "such as 0:0,2:1,4:2, or teacher states such as 2,4,6.") from None
    if len(parts) > student_layers + 1 and ":" not in spec:
        raise ConfigError(f"`layer_map={spec}`: lists {len(parts)} teacher states, but the student has "
                          f"{student_layers + 1} (0 to {student_layers}). List at most that many.")
    if len({student for student, _ in pairs}) < len(pairs):
        raise ConfigError(f"`layer_map={spec}`: a state of the student occurs twice. Expected each at most "
                          "once.")
    return tuple(sorted((student, teacher) for student, teacher in pairs))
