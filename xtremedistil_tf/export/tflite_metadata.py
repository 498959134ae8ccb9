"""What a TensorFlow Lite file says of itself: names, labels and tokenizer, as LiteRT's metadata.

The file stays a flatbuffer with one more buffer, `TFLITE_METADATA`: a flatbuffer of metadata_schema.fbs. The files that
it names are a zip archive behind the model, so that `zipfile` opens a .tflite as well.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Mapping
from typing import Any

METADATA = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
# The first version that has tokenizers.
_VERSION = "1.1.0"
# metadata_schema.fbs: AssociatedFileType, ProcessUnitOptions, ContentProperties.
_UNKNOWN, _DESCRIPTIONS, _AXIS_LABELS, _VOCABULARY = 0, 1, 2, 5
_BERT_TOKENIZER, _FEATURE = 4, 1
# A table: its fields by their place in the schema.
_Table = dict[int, Any]


@dataclasses.dataclass(frozen=True)
class Enclosed:
    """What is put into a file.

    Attributes:
        name: of the model.
        description: what it answers.
        tensors: name of an input or output in the signature -> what it is, in words.
        files: name -> content of the files that are enclosed.
        labels: the file that has a label for each value of the output; empty: there is none.
        vocabulary: the file with WordPiece's subwords, in the order of their ids; empty: another tokenizer.
    """

    name: str
    description: str
    tensors: Mapping[str, str]
    files: Mapping[str, bytes]
    labels: str = ""
    vocabulary: str = ""


def with_metadata(content: bytes, enclosed: Enclosed) -> bytes:
    """A TensorFlow Lite model with one signature -> the same with metadata and files."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    entry, buffer = schema.MetadataT(), schema.BufferT()
    buffer.data = list(_flatbuffer(_model(model, enclosed)))
    entry.name, entry.buffer = METADATA, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    file = io.BytesIO(flatbuffer_utils.convert_object_to_bytearray(model))
    # Nothing is compressed: phones read such files where they lie.
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        for name, data in enclosed.files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def _model(model: Any, enclosed: Enclosed) -> _Table:
    """ModelMetadata."""
    signature, = model.signatureDefs
    graph = model.subgraphs[signature.subgraphIndex]
    names = {item.tensorIndex: item.name.decode() for item in (*signature.inputs, *signature.outputs)}
    inputs = [_tensor(enclosed, names.get(index, "")) for index in graph.inputs]
    outputs = [_tensor(enclosed, names.get(index, "")) for index in graph.outputs]
    if enclosed.labels:
        for output in outputs:
            output[6] = [_file(enclosed, enclosed.labels)]
    subgraph: _Table = {0: signature.signatureKey.decode(), 2: inputs, 3: outputs}
    if enclosed.vocabulary:
        subgraph[5] = [{0: _BERT_TOKENIZER, 1: {0: [_file(enclosed, enclosed.vocabulary)]}}]
    others = [name for name in enclosed.files if name not in (enclosed.labels, enclosed.vocabulary)]
    found: _Table = {0: enclosed.name, 1: enclosed.description, 3: [subgraph], 7: _VERSION}
    return found | ({6: [_file(enclosed, name) for name in others]} if others else {})


def _tensor(enclosed: Enclosed, name: str) -> _Table:
    """TensorMetadata."""
    return {0: name, 1: enclosed.tensors.get(name, ""), 3: {0: _FEATURE, 1: {}}}


def _file(enclosed: Enclosed, name: str) -> _Table:
    """AssociatedFile."""
    kinds = {enclosed.labels: _AXIS_LABELS, enclosed.vocabulary: _VOCABULARY}
    return {0: name, 2: kinds.get(name, _DESCRIPTIONS if name.endswith(".json") else _UNKNOWN)}


def _flatbuffer(table: _Table) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_written(builder, table), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _written(builder: Any, value: Any) -> int:
    """The place of a string, a table, or a list of tables."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list):
        places = [_written(builder, one) for one in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return builder.EndVector()
    # Enumerations are bytes; all else is written before the table that refers to it.
    fields = {slot: field if isinstance(field, int) else _written(builder, field) for slot, field in value.items()}
    builder.StartObject(1 + max(value, default=-1))
    for slot, place in fields.items():
        if isinstance(value[slot], int):
            builder.PrependUint8Slot(slot, place, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    return builder.EndObject()
