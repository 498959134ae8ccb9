"""GLiNER, a zero-shot tagger: entities of any kinds that are named or described, as rows of answers."""

from __future__ import annotations

import importlib.util
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.checkpoints.reading import explained
from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError
from xtremedistil_tf.fingerprint import file_fingerprint, fingerprint

CONFIG = "gliner_config.json"
_WEIGHTS = (".bin", ".safetensors")
_ENDS_SENTENCE = re.compile(r"[.!?…。！？।]+")


class GlinerTeacher:
    """What `gliner_teacher` gives: texts in, rows out.

    Attributes:
        name: hub name or folder.
        labels: label -> what the model is asked for, its description or the label itself.
        threshold: lowest score of an entity.
        batch_size: texts that are run together.
        longest: words of a text, as GLiNER splits it, that the model takes; longer texts are parted.
    """

    def __init__(self, model: Any, name: str, labels: Mapping[str, str], threshold: float, batch_size: int):
        """Use `gliner_teacher`."""
        self.name, self.labels, self.threshold, self.batch_size = name, dict(labels), threshold, batch_size
        self.longest: int = model.config.max_len
        self._model = model
        # Labels without descriptions are given as a list, which GLiNER took from its beginning.
        self._asked: Any = self.labels if any(label != asked for label, asked in labels.items()) else list(labels)
        # Answers of a Python teacher are kept under its name (`answering.name_of`): others' are not taken for its own.
        self.__qualname__ = f"GlinerTeacher.{fingerprint(self.identity)}"

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the answers: labels, threshold, and the files of the model, of a hub name its commit."""
        return {"gliner": _files(self.name), "labels": self.labels, "threshold": self.threshold}

    def __call__(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Finds the entities of texts.

        Args:
            texts: any, empty ones too.

        Returns:
            For each text {"text", "entities": [{"start", "end", "label", "score", "text"}]}. `start` and `end` count
            Unicode characters, `end` is the first one behind. Entities are in order and do not overlap; scores are
            probabilities, at least `threshold`.
        """
        parts = [(number, start, end) for number, text in enumerate(texts) for start, end in self._parts(text)]
        parts.sort(key=lambda part: part[2] - part[1])  # a batch is as long as its longest
        found = self._model.inference([texts[number][start:end] for number, start, end in parts], self._asked,
                                      threshold=self.threshold, batch_size=self.batch_size)
        rows: list[dict[str, Any]] = [{"text": text, "entities": []} for text in texts]
        for (number, begin, _), entities in zip(parts, found, strict=True):
            rows[number]["entities"] += [
                {"start": begin + int(entity["start"]), "end": begin + int(entity["end"]), "label": entity["label"],
                 "score": float(entity["score"]), "text": entity["text"]} for entity in entities]
        for row in rows:
            row["entities"].sort(key=lambda entity: entity["start"])
        return rows

    def _parts(self, text: str) -> Iterator[tuple[int, int]]:
        """First character and the one behind of each part of a text that the model takes, at ends of sentences if
        there are any. GLiNER itself would leave out what follows the first part, which a student takes for "O"."""
        words = list(self._model.data_processor.words_splitter(text))
        first = 0
        while len(words) - first > self.longest:
            ends = [place for place in range(first + self.longest // 2, first + self.longest)
                    if _ENDS_SENTENCE.fullmatch(words[place][0])]
            last = ends[-1] if ends else first + self.longest - 1
            yield words[first][1], words[last][2]
            first = last + 1
        if words:
            yield (words[first][1] if first else 0), len(text)


def gliner_teacher(name_or_folder: str, labels: Sequence[str] | Mapping[str, str], threshold: float = 0.5,
                   batch_size: int = 16) -> GlinerTeacher:
    """Loads a GLiNER model as a teacher of entities.

    It runs on a GPU where torch sees one.

    Args:
        name_or_folder: hub name, such as urchade/gliner_multi-v2.1, or a folder that GLiNER's `save_pretrained` wrote.
        labels: kinds of entities. With a mapping to descriptions the model is asked for these, where they are not
            empty, and answers with the labels.
        threshold: lowest score of an entity; low ones let the student learn from what is unsure.
        batch_size: texts that are run together.

    Returns:
        A function from texts to rows, see `GlinerTeacher`.

    Raises:
        MissingExtraError: gliner is not installed.
        ConfigError: no labels, one that occurs twice, a description that stands for two labels, or a threshold outside
            of 0 to 1.
        ModelLoadError: the model cannot be found or read.
    """
    asked = _asked(labels)
    if not 0 <= threshold < 1:
        raise ConfigError(f"`threshold={threshold}`: expected a probability from 0 to below 1, such as 0.5.")
    if importlib.util.find_spec("gliner") is None:
        raise MissingExtraError("gliner", "gliner", "A GLiNER teacher")
    folder = pathlib.Path(name_or_folder)
    if folder.is_dir() and not (folder / CONFIG).is_file():
        raise ModelLoadError(f"{name_or_folder!r} has no {CONFIG}; expected a folder that GLiNER's `save_pretrained` "
                             "wrote, or a hub name.")
    with explained(name_or_folder, "the GLiNER model"):
        import torch
        from gliner import GLiNER

        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = GLiNER.from_pretrained(name_or_folder, local_files_only=folder.is_dir(), map_location=device)
    return GlinerTeacher(model.to(device).eval(), name_or_folder, asked, threshold, batch_size)


def _asked(labels: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Label -> what the model is asked for."""
    names = [labels] if isinstance(labels, str) else list(labels)
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"`labels={','.join(names)}`: expected the kinds of entities to find, each once, such as "
                          "person,company.")
    asked = {name: (labels[name] if isinstance(labels, Mapping) else "") or name for name in names}
    twice = [name for name in names if list(asked.values()).count(asked[name]) > 1]
    if twice:
        raise ConfigError(f"the labels {' and '.join(twice)} are both described as {asked[twice[0]]!r}; expected a "
                          "description of its own for each, as the model is asked for the descriptions.")
    return asked


def _files(name: str) -> Any:
    folder = pathlib.Path(name)
    if folder.is_dir():
        return fingerprint({file.name: file_fingerprint(file) for file in sorted(folder.iterdir())
                            if file.suffix in _WEIGHTS or file.name in (CONFIG, "tokenizer.json")})
    import huggingface_hub

    cached = huggingface_hub.try_to_load_from_cache(name, CONFIG)  # .../snapshots/<commit>/gliner_config.json
    return {"hub": name, "commit": pathlib.Path(cached).parent.name if isinstance(cached, str) else ""}
