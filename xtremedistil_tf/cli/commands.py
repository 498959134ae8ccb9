"""The commands of the package: their verbs, scripts and configurations."""

from __future__ import annotations

import dataclasses
import importlib

from xtremedistil_tf.config import (
    DistillationConfig,
    ExportConfig,
    ModelFineTuningConfig,
    PredictionConfig,
    StudentFineTuningConfig,
)
from xtremedistil_tf.config.serve import ServeConfig
from xtremedistil_tf.config.store import StoreConfig
from xtremedistil_tf.config.sweep import SweepConfig


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of the package.

    Attributes:
        verb: after `xtreme-distil`.
        script: in the root of a checkout.
        installed: a name of its own once the package is installed, or "".
        module: of `xtremedistil_tf.cli`, whose docstring describes it.
        config_class: what its flags are made from.
    """

    verb: str
    script: str
    installed: str
    module: str
    config_class: type

    @property
    def names(self) -> list[str]:
        """What it is called once the package is installed."""
        return [f"xtreme-distil {self.verb}", *([self.installed] if self.installed else [])]

    @property
    def description(self) -> str:
        """What it does, as `--help` begins."""
        return importlib.import_module(f"xtremedistil_tf.cli.{self.module}").__doc__ or ""

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return self.description.splitlines()[0]


COMMANDS = (
    Command("distil", "run_xtreme_distil.py", "", "distil", DistillationConfig),
    Command("predict", "run_xtreme_distil_predict.py", "xtreme-distil-predict", "predict", PredictionConfig),
    Command("export", "run_xtreme_distil_export.py", "xtreme-distil-export", "export", ExportConfig),
    Command("predict-onnx", "run_xtreme_distil_predict_onnx.py", "xtreme-distil-predict-onnx", "predict_onnx",
            PredictionConfig),
    Command("serve", "run_xtreme_distil_serve.py", "xtreme-distil-serve", "serve", ServeConfig),
    Command("store", "run_xtreme_distil_store.py", "xtreme-distil-store", "store", StoreConfig),
    Command("sweep", "run_xtreme_distil_sweep.py", "xtreme-distil-sweep", "sweep", SweepConfig),
    Command("fine-tune", "run_xtreme_distil_ft.py", "xtreme-distil-ft", "fine_tune_student", StudentFineTuningConfig),
    Command("fine-tune-teacher", "run_model_ft.py", "xtreme-distil-model-ft", "fine_tune_model",
            ModelFineTuningConfig),
)
