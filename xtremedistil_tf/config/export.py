"""What `run_xtreme_distil_export.py` does."""

from __future__ import annotations

import dataclasses

from xtremedistil_tf.config.fields import other_decoding, setting, validate_fields
from xtremedistil_tf.errors import ConfigError

#: Form -> the quantizations that it is written in.
QUANTIZATIONS_OF = {"saved_model": ("none",), "tflite": ("none", "float16", "dynamic", "int8"),
                    "onnx": ("none", "int8"), "serving": ("none",)}
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Everything that decides what an export writes and how it is checked."""

    model_dir: str = setting("Data", "",
        "Folder of a finished distillation run. The files are written to its export/ folder.")
    task: str = setting("Data", "",
        "Task whose dev set is used to check the files. Default: the task that the student was distilled on.")
    formats: str = setting("What to write", "saved_model,tflite,onnx,serving",
        "Formats to write, separated by commas: saved_model, tflite, onnx, serving.")
    quantize: str = setting("What to write", "none,dynamic,int8",
        "Quantizations, separated by commas: none, float16, dynamic, int8. Each format is written in those it "
        "supports (saved_model and serving: none; onnx: none and int8; tflite: all).")
    decoding: str = other_decoding("What to write", "the exported files' tags are")
    serving_name: str = setting("What to write", "xtremedistil", "Model name in TensorFlow Serving.")
    serving_version: int = setting("What to write", 0,
        "Model version in TensorFlow Serving. 0: the next one.", minimum=0)
    calibration_examples: int = setting("What to write", 300,
        "Transfer sentences for calibrating full int8. Recommended: 100 to 500.", minimum=1)
    max_f1_drop: float = setting("Checks", 0.01,
        "Maximum loss of the student's main score on the dev set (0.01: one point of F1). If a file loses more, the "
        "command fails with a non-zero exit status. Recommended: 0.005 to 0.02.", minimum=0.0)
    max_examples: int = setting("Checks", 2000, "Maximum dev examples for the check. 0: all.", minimum=0)
    threads: int = setting("Checks", 1, "Threads for the latency measurement.", minimum=1)
    seconds: float = setting("Checks", 2.0, "Seconds per latency measurement. Recommended: 1 to 10.", minimum=0.0)
    measure: bool = setting("Checks", True,
        "Measure cold start, latency, throughput and memory of each file in a separate process.")
    license: str = setting("Model card", "", "License of the student, for its model card. Default: not stated.")

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "model_dir", "formats", "quantize")
        for name, known in (("formats", QUANTIZATIONS_OF), ("quantize", QUANTIZATIONS)):
            for word in listed(getattr(self, name)):
                if word not in known:
                    raise ConfigError(f"`{name}={getattr(self, name)}`: unknown {word!r}. "
                                      f"Expected some of {', '.join(known)}.")
        for form in listed(self.formats):
            if not set(QUANTIZATIONS_OF[form]) & set(listed(self.quantize)):
                raise ConfigError(f"`formats={form}` is available as {', '.join(QUANTIZATIONS_OF[form])}, but "
                                  f"`quantize={self.quantize}` names none of these.")

    def wanted(self) -> list[tuple[str, str]]:
        """(form, quantization) of every file to write."""
        asked = listed(self.quantize)
        return [(form, quantization) for form in dict.fromkeys(listed(self.formats))
                for quantization in QUANTIZATIONS_OF[form] if quantization in asked]


def listed(words: str) -> list[str]:
    """The words of a comma-separated flag."""
    return [word.strip() for word in words.split(",") if word.strip()]
