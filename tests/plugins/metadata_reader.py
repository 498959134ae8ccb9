"""LiteRT's metadata, read by the fields of the published metadata_schema.fbs (version 1.5.0), to check files with."""

from __future__ import annotations

import pathlib
from typing import Any

import flatbuffers.number_types as numbers
from flatbuffers.table import Table
from tensorflow.lite.python import schema_py_generated as schema

# Table -> its fields in order: a string, a byte, a table, or, in a list, tables; None: not read here.
_SCHEMA: dict[str, list[tuple[str, Any]]] = {
    "AssociatedFile": [("name", str), ("description", str), ("type", int), ("locale", str), ("version", str)],
    "Content": [("content_properties_type", int), ("content_properties", None), ("range", None)],
    "BertTokenizerOptions": [("vocab_file", ["AssociatedFile"])],
    "ProcessUnit": [("options_type", int), ("options", "BertTokenizerOptions")],
    "TensorMetadata": [
        ("name", str), ("description", str), ("dimension_names", None), ("content", "Content"),
        ("process_units", ["ProcessUnit"]), ("stats", None), ("associated_files", ["AssociatedFile"])],
    "SubGraphMetadata": [
        ("name", str), ("description", str), ("input_tensor_metadata", ["TensorMetadata"]),
        ("output_tensor_metadata", ["TensorMetadata"]), ("associated_files", ["AssociatedFile"]),
        ("input_process_units", ["ProcessUnit"]), ("output_process_units", ["ProcessUnit"])],
    "ModelMetadata": [
        ("name", str), ("description", str), ("version", str), ("subgraph_metadata", ["SubGraphMetadata"]),
        ("author", str), ("license", str), ("associated_files", ["AssociatedFile"]), ("min_parser_version", str)]}


def read_metadata(path: pathlib.Path) -> dict[str, Any]:
    """The metadata of a .tflite file by name; fields that are not there are left out."""
    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    entries = [model.Metadata(number) for number in range(model.MetadataLength())]
    entry, = (entry for entry in entries if entry.Name() == b"TFLITE_METADATA")
    content = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert content[4:8] == b"M001"
    return _table("ModelMetadata", Table(content, numbers.UOffsetTFlags.packer_type.unpack(content[:4])[0]))


def _table(name: str, table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, (field, kind) in enumerate(_SCHEMA[name]):
        place = table.Offset(4 + 2 * number)
        if not place or kind is None:
            continue
        place += table.Pos
        if kind is int:
            found[field] = table.Get(numbers.Uint8Flags, place)
        elif kind is str:
            found[field] = table.String(place).decode()
        elif isinstance(kind, list):
            start = table.Vector(place - table.Pos)
            found[field] = [_table(kind[0], Table(table.Bytes, table.Indirect(start + 4 * index)))
                            for index in range(table.VectorLen(place - table.Pos))]
        else:
            found[field] = _table(kind, Table(table.Bytes, table.Indirect(place)))
    return found
