"""The configuration of a run: the one source of names, defaults, help texts and validation.

Order of precedence: defaults, then flag files, then flags, in the order given.
"""

from xtremedistil_tf.config.distillation import STRATEGIES, DistillationConfig
from xtremedistil_tf.config.export import ExportConfig
from xtremedistil_tf.config.fields import field_type
from xtremedistil_tf.config.fine_tuning import ModelFineTuningConfig, StudentFineTuningConfig
from xtremedistil_tf.config.prediction import PredictionConfig

__all__ = ["STRATEGIES", "DistillationConfig", "ExportConfig", "ModelFineTuningConfig", "PredictionConfig",
           "StudentFineTuningConfig", "field_type"]
