"""ONNX: one file that needs nothing of this package, run by ONNX Runtime from many languages."""

from __future__ import annotations

from xtremedistil_tf.export.onnx.export import export_onnx

__all__ = ["export_onnx"]
