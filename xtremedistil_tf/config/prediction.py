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

    model_dir: str = setting("Data", "", "Folder that a distillation run wrote.")
    pred_file: str = setting("Data", "-",
        "Text to answer, one example a line (or a labelled file, which is measured with --do_eval); - reads"
        " standard input.")
    output_file: str = setting("Data", "",
        "Where the answers go. Default: <model_dir>/predictions.txt for a file, standard output for "
        "standard input; - is standard output.")
    do_predict: bool = setting("What to do", False,
        "Answer --pred_file: one line out per line in, in input order.")
    do_eval: bool = setting("What to do", False,
        "Measure the task's scores on --pred_file if it is labelled, else on the task's test set.")
    task: str = setting("Data", "",
        "Folder of the task to measure on with --do_eval. Default: the one that the model was trained on.")
    format: str = setting("Model", "keras",
        "Form of the student: keras, saved_model, tflite, onnx (of --model_dir/export, see "
        "run_xtreme_distil_export.py), serving://host:port[/name] (a TensorFlow Serving server, gRPC) or "
        "serving+http://host:port[/name] (REST).")
    quantize: str = setting("Model", "none", "Quantization of the form.", QUANTIZATIONS)
    decoding: str = other_decoding("Model", "the tags are")
    batch_size: int = setting("Run", 256, "Sentences in a batch.", minimum=1)
    opt_policy: str = setting("Run", "float32",
        "Accepted for the original's command lines; prediction is float32.", POLICIES)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "model_dir")
        if self.format not in LOCAL_FORMS and not self.format.startswith(SERVING_PREFIXES):
            raise ConfigError(f"`format={self.format}`: expected one of {', '.join(LOCAL_FORMS)}, "
                              "serving://host:port or serving+http://host:port.")
        if not (self.do_predict or self.do_eval):
            raise ConfigError("nothing to do. Give `do_predict`, `do_eval` or both.")
