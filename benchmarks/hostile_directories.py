"""Model directories that somebody crafted: the list that `server.py` opens, each of which must end in one message.

Each kind changes a copy of a good directory of a tagger with its ONNX form. None may run code, read other files or take
all memory.
"""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

CONFIG, WEIGHTS, ONNX = "xtremedistil-config.json", "xtremedistil.weights.h5", "export/onnx/model_none.onnx"
HUGE = 10 ** 30
Change = Callable[[pathlib.Path], None]


def _config(change: Callable[[dict[str, Any]], Any]) -> Change:
    """Changes the configuration, or replaces it by what `change` returns."""
    def done(folder: pathlib.Path) -> None:
        facts = json.loads((folder / CONFIG).read_text("utf-8"))
        replaced = change(facts)
        (folder / CONFIG).write_text(json.dumps(facts if replaced is None else replaced), "utf-8")

    return done


def _set(*path: str, to: Any) -> Change:
    def change(facts: dict[str, Any]) -> None:
        for name in path[:-1]:
            facts = facts[name]
        facts[path[-1]] = to

    return _config(change)


def _without(*path: str) -> Change:
    def change(facts: dict[str, Any]) -> None:
        for name in path[:-1]:
            facts = facts[name]
        del facts[path[-1]]

    return _config(change)


def _bytes(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content) and None


def _json(name: str, change: Callable[[dict[str, Any]], Any]) -> Change:
    def done(folder: pathlib.Path) -> None:
        values = json.loads((folder / name).read_text("utf-8"))
        change(values)
        (folder / name).write_text(json.dumps(values), "utf-8")

    return done


def _first_array(file: h5py.File) -> str:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names[0]


def _array(replace: Callable[[h5py.File, str, Any, pathlib.Path], None]) -> Change:
    """Replaces the first array of the weights."""
    def done(folder: pathlib.Path) -> None:
        with h5py.File(folder / WEIGHTS, "r+") as file:
            name = _first_array(file)
            values = file[name][()]
            del file[name]
            replace(file, name, values, folder)

    return done


def _external(file: h5py.File, name: str, values: np.ndarray, folder: pathlib.Path) -> None:
    secret = folder / "secret.bin"
    secret.write_bytes(values.tobytes())
    file.create_dataset(name, values.shape, values.dtype, external=[(str(secret), 0, values.nbytes)])


def _virtual(file: h5py.File, name: str, values: np.ndarray, folder: pathlib.Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["values"] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource(str(folder / "other.h5"), "values", values.shape)
    file.create_virtual_dataset(name, layout)


def _external_link(file: h5py.File, name: str, values: np.ndarray, folder: pathlib.Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["values"] = values
    file[name] = h5py.ExternalLink(str(folder / "other.h5"), "values")


def _soft_link(file: h5py.File, name: str, values: np.ndarray, folder: pathlib.Path) -> None:
    file["elsewhere"] = values
    file[name] = h5py.SoftLink("/elsewhere")


def _other_shape(file: h5py.File, name: str, values: np.ndarray, folder: pathlib.Path) -> None:
    file[name] = values[..., :1]


def _onnx_external(folder: pathlib.Path) -> None:
    import onnx

    model = onnx.load(folder / ONNX)
    tensor = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    (folder.parent / "secret.bin").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../secret.bin")
    (folder / ONNX).write_bytes(model.SerializeToString())


def _onnx_outputs(folder: pathlib.Path) -> None:
    import onnx

    model = onnx.load(folder / ONNX)
    for node in model.graph.node:
        node.output[:] = [name.replace("logits", "others") for name in node.output]
    model.graph.output[0].name = "others"
    (folder / ONNX).write_bytes(model.SerializeToString())


def _more_labels(facts: dict[str, Any]) -> None:
    facts["task"]["labels"] += ["B-NEW", "I-NEW"]


def _code(folder: pathlib.Path) -> None:
    """A tokenizer that is a program."""
    (folder / "evil.py").write_text("open('/tmp/evil-ran', 'w')\nclass Evil: pass\n", "utf-8")
    _json("tokenizer_config.json", lambda found: found.update(
        auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]}, tokenizer_class="Evil"))(folder)


#: Kind -> (what is changed, the form that is opened).
KINDS: dict[str, tuple[Change, str]] = {
    "no JSON": (_bytes(CONFIG, b"{"), "onnx"),
    "not UTF-8": (_bytes(CONFIG, b"\xff\xfe{}"), "onnx"),
    "lists 100,000 deep": (_bytes(CONFIG, b"[" * 100_000), "onnx"),
    "a list in place of the object": (_config(lambda facts: [facts]), "onnx"),
    "null in place of the object": (_bytes(CONFIG, b"null"), "onnx"),
    "an empty object": (_bytes(CONFIG, b"{}"), "onnx"),
    "an unknown format": (_set("format", to=HUGE), "onnx"),
    "no task": (_without("task"), "onnx"),
    "task: null": (_set("task", to=None), "onnx"),
    "no kind of task": (_without("task", "kind"), "onnx"),
    "an unknown kind of task": (_set("task", "kind", to="telepathy"), "onnx"),
    "a kind that is a list": (_set("task", "kind", to=["tagging"]), "onnx"),
    "no labels": (_set("task", "labels", to=[]), "onnx"),
    "labels: a text": (_set("task", "labels", to="O"), "onnx"),
    "labels that are numbers": (_set("task", "labels", to=[1, 2, 3]), "onnx"),
    "a label twice": (_set("task", "labels", to=["O", "O", "O"]), "onnx"),
    "more labels than outputs": (_config(_more_labels), "onnx"),
    "options: null": (_set("task", "options", to=None), "onnx"),
    "an unknown option": (_set("task", "options", to={"run": "rm"}), "onnx"),
    "an option of another type": (_set("task", "options", to={"decoding": 7}), "onnx"),
    "no student": (_without("student"), "onnx"),
    "student: null": (_set("student", to=None), "onnx"),
    "an unknown kind of student": (_set("student_type", to="oracle"), "keras"),
    "an unknown size": (_set("student", "wings", to=2), "keras"),
    "a size that is a text": (_set("student", "vocab_size", to="many"), "keras"),
    "a vocabulary of 10^30": (_set("student", "vocab_size", to=HUGE), "onnx"),
    "a negative size": (_set("student", "lstm_units", to=-5), "keras"),
    "10 million units": (_set("student", "lstm_units", to=10_000_000), "keras"),
    "max_length of 10^30": (_set("max_length", to=HUGE), "onnx"),
    "max_length: a text": (_set("max_length", to="long"), "onnx"),
    "config: a list": (_set("config", to=[]), "onnx"),
    "weights that are none": (_bytes(WEIGHTS, b"no weights"), "keras"),
    "weights of another shape": (_array(_other_shape), "keras"),
    "an array that lies in another file": (_array(_external), "keras"),
    "a virtual array": (_array(_virtual), "keras"),
    "a link to another file": (_array(_external_link), "keras"),
    "a link inside of the file": (_array(_soft_link), "keras"),
    "a tokenizer that is none": (lambda folder: (_bytes("tokenizer.json", b"{}")(folder), (
        folder / "vocab.txt").unlink(missing_ok=True))[0], "onnx"),
    "a tokenizer with code": (_code, "onnx"),
    "an ONNX file that is none": (_bytes(ONNX, b"\x08\x07no graph"), "onnx"),
    "an ONNX file that reads another file": (_onnx_external, "onnx"),
    "an ONNX file with other outputs": (_onnx_outputs, "onnx"),
    "nothing but the configuration": (lambda folder: shutil.rmtree(folder / "export"), "onnx"),
}


def message_of(kind: str, good: pathlib.Path, work: pathlib.Path) -> str:
    """Opens a directory of a kind, and has it answer.

    Args:
        kind: which; any other word: the directory as it is.
        good: the directory that is copied.
        work: where to; deleted again.

    Returns:
        The message. Raises whatever is not an error for people.
    """
    from xtremedistil_tf.errors import XtremeDistilError
    from xtremedistil_tf.inference.server.loading import load_model, warm_up

    change, form = KINDS.get(kind, (lambda folder: None, "onnx"))
    folder = work / "crafted" / "out"
    shutil.copytree(good, folder)
    try:
        change(folder)
        warm_up(load_model(folder, form))
    except XtremeDistilError as error:
        return str(error).replace(str(folder), "<folder>")
    finally:
        shutil.rmtree(work / "crafted")
    return ""
