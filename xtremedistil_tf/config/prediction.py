"""What `run_xtreme_distil_predict.py` does."""

from __future__ import annotations

import dataclasses

from xtremedistil_tf.config.export import QUANTIZATIONS
from xtremedistil_tf.config.fields import POLICIES, other_decoding, setting, validate_fields
from xtremedistil_tf.errors import ConfigError

LOCAL_FORMS = ("keras", "saved_model", "tflite", "onnx")
SERVING_PREFIXES = ("serving://", "serving+http://", "serving+https://")


@dataclasses.dataclass(frozen=True)
class PredictionConfig:
    """What `run_xtreme_distil_predict.py` does."""

    model_dir: str = setting("Data", "", "Folder of a finished distillation run.")
    pred_file: str = setting("Data", "-",
        "Input text, one example per line (or a labelled file for --do_eval). -: standard input.")
    output_file: str = setting("Data", "",
        "Output file. Default: <model_dir>/predictions.txt for an input file, standard output for standard input. -: "
        "standard output.")
    do_predict: bool = setting("What to do", False,
        "Predict --pred_file: one output line per input line, in input order.")
    do_eval: bool = setting("What to do", False,
        "Compute the task's scores on --pred_file if it is labelled, else on the task's test set.")
    task: str = setting("Data", "", "Task folder for --do_eval. Default: the task that the model was trained on.")
    format: str = setting("Model", "keras",
        "Form of the student: keras; saved_model, tflite or onnx (from --model_dir/export, see "
        "run_xtreme_distil_export.py); serving://host:port[/name] (TensorFlow Serving, gRPC) or "
        "serving+http://host:port[/name] (REST).")
    quantize: str = setting("Model", "none", "Quantization of the file.", QUANTIZATIONS)
    decoding: str = other_decoding("Model", "the tags are")
    batch_size: int = setting("Run", 256, "Batch size. Recommended: 32 to 512.", minimum=1)
    opt_policy: str = setting("Run", "float32",
        "Accepted for command lines of the original program; prediction always uses float32.", POLICIES)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "model_dir")
        if self.format not in LOCAL_FORMS and not self.format.startswith(SERVING_PREFIXES):
            raise ConfigError(f"`format={self.format}`: expected one of {', '.join(LOCAL_FORMS)}, "
                              "serving://host:port or serving+http://host:port.")
        if not (self.do_predict or self.do_eval):
            raise ConfigError("nothing to do. Give `do_predict`, `do_eval` or both.")
