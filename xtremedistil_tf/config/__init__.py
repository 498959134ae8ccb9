"""The configuration of a run: the one source of names, defaults, help texts and validation.

Begin with `fields` (what a setting is) and `distillation`.

Order of precedence: defaults, then flag files, then flags, in the order given.
"""

from xtremedistil_tf.config.choices import STRATEGIES
from xtremedistil_tf.config.commands import (
    ExportConfig,
    ModelFineTuningConfig,
    PredictionConfig,
    StudentFineTuningConfig,
)
from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.config.fields import field_type

__all__ = ["STRATEGIES", "DistillationConfig", "ExportConfig", "ModelFineTuningConfig", "PredictionConfig",
           "StudentFineTuningConfig", "field_type"]
