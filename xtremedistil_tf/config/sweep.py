"""What `run_xtreme_distil_sweep.py` does."""

from __future__ import annotations

import dataclasses

from xtremedistil_tf.config.arguments import with_recipe
from xtremedistil_tf.config.commands import LOCAL_FORMS, QUANTIZATIONS, quantizations_of
from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.config.fields import listed, setting, validate_fields
from xtremedistil_tf.errors import ConfigError

#: Epochs on the transfer set of a sweep's last round, where neither `distil_epochs` nor the recipe says.
EPOCHS = 16
#: Kind of student -> the flags that list sizes of it, each with the flag of one run and its letter.
SWEPT = {
    "bilstm": {"sweep_embedding_size": ("embedding_size", "E"), "sweep_lstm_units": ("lstm_units", "H"),
               "sweep_projection_size": ("projection_size", "P")},
    "cnn": {"sweep_embedding_size": ("embedding_size", "E"), "sweep_cnn_channels": ("cnn_channels", "C"),
            "sweep_cnn_blocks": ("cnn_blocks", "L"), "sweep_projection_size": ("projection_size", "P")},
    "transformer": {"sweep_hidden_size": ("hidden_size", "D"),
                    "sweep_num_hidden_layers": ("num_hidden_layers", "L")},
}


@dataclasses.dataclass(frozen=True)
class SweepConfig(DistillationConfig):
    """Everything that decides a sweep: the settings that its runs have in common, and what is varied."""

    dry_run: bool = setting("Run", False,
        "Measure the cost of each size untrained, print the sizes within the budget and the number of runs, then "
        "stop.")
    sweep_dir: str = setting("Sweep", "", "Output folder of the sweep. Default: <model_dir>/sweep.")
    max_latency_ms: float = setting("Sweep", 0.0,
        "Budget: maximum milliseconds for one example of `seq_len` subwords on one thread. 0: no limit.", minimum=0.0)
    max_megabytes: float = setting("Sweep", 0.0,
        "Budget: maximum size of the exported file in megabytes. 0: no limit.", minimum=0.0)
    sweep_embedding_size: str = setting("Sweep", "",
        "BiLSTM and CNN students: values of `embedding_size` to try, separated by commas. Without other lists it "
        "applies to BiLSTMs, unless `student_type=cnn` is given.")
    sweep_lstm_units: str = setting("Sweep", "",
        "BiLSTM students: values of `lstm_units` to try, separated by commas.")
    sweep_cnn_channels: str = setting("Sweep", "",
        "CNN students: values of `cnn_channels` to try, separated by commas.")
    sweep_cnn_blocks: str = setting("Sweep", "", "CNN students: values of `cnn_blocks` to try, separated by commas.")
    sweep_projection_size: str = setting("Sweep", "",
        "BiLSTM and CNN students: values of `projection_size` to try, separated by commas.")
    sweep_hidden_size: str = setting("Sweep", "",
        "Transformer students: values of `hidden_size` to try, separated by commas.")
    sweep_num_hidden_layers: str = setting("Sweep", "",
        "Transformer students: values of `num_hidden_layers` to try, separated by commas.")
    sweep_format: str = setting("Sweep", "tflite", "Form of the student that is measured.", LOCAL_FORMS)
    sweep_quantize: str = setting("Sweep", "none,int8",
        "Quantizations to try, separated by commas. Those that the format does not support are skipped.")
    sweep_rounds: int = setting("Sweep", 3,
        "Rounds of successive halving. The last round trains in full; each earlier round trains for `sweep_keep` "
        "times the epochs of the next. Recommended: 2 to 4.", minimum=1)
    sweep_keep: float = setting("Sweep", 0.33,
        "Share of students that a round promotes to the next. Students on the Pareto front of score and cost are "
        "always promoted. Recommended: 0.25 to 0.5.", minimum=0.01, maximum=1.0)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "task")
        if not (self.sweep_dir or self.model_dir):
            validate_fields(self, "sweep_dir")
        if not self.quantizations():
            raise ConfigError(f"`sweep_format={self.sweep_format}` is available as "
                              f"{', '.join(quantizations_of(self.sweep_format))}, but "
                              f"`sweep_quantize={self.sweep_quantize}` names none of these.")
        kind = self._kind()
        if self.student_type not in ("auto", kind):
            raise ConfigError(f"`student_type={self.student_type}`: `{self._given(kind)[0]}` is for {kind} "
                              "students. Omit one of them.")
        for name in SWEPT[kind]:
            self._sizes(name)
        self._check_heads()
        self.shared().validate()

    @property
    def folder(self) -> str:
        """Folder that receives the sweep."""
        return self.sweep_dir or f"{self.model_dir}/sweep"

    def shared(self) -> DistillationConfig:
        """What all runs have in common, the teacher and the transfer store among it."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(DistillationConfig)}
        config = DistillationConfig(**own | {
            "model_dir": f"{self.folder}/runs", "student_type": self._kind(), "dry_run": False,
            "distil_epochs": self.distil_epochs or (0 if self.recipe == "paper" else EPOCHS),
            "teacher_model_dir": self.teacher_model_dir or f"{self.folder}/teacher",
            "transfer_store_dir": self.transfer_store_dir or f"{self.folder}/transfer"})
        # Early rounds train for a share of the epochs, which are numbers therefore.
        return with_recipe(config, self._kind())

    def swept(self) -> dict[str, list[int]]:
        """Flag of one run -> its values to try, for the lists that are given."""
        kind = self._kind()
        return {SWEPT[kind][name][0]: self._sizes(name) for name in self._given(kind)}

    def quantizations(self) -> list[str]:
        """The asked ones that the form has."""
        asked = listed(self.sweep_quantize)
        for word in asked:
            if word not in QUANTIZATIONS:
                raise ConfigError(f"`sweep_quantize={self.sweep_quantize}`: unknown {word!r}. Expected some of "
                                  f"{', '.join(QUANTIZATIONS)}.")
        return [name for name in quantizations_of(self.sweep_format) if name in asked]

    def _kind(self) -> str:
        every = list(dict.fromkeys(name for names in SWEPT.values() for name in names))
        given = [name for name in every if getattr(self, name)]
        if not given:
            raise ConfigError(f"nothing to try. Give one or several of {_settings(every)}, such as "
                              "`sweep_lstm_units=100,200,400`.")
        fitting = [kind for kind, names in SWEPT.items() if set(given) <= set(names)]
        if not fitting:
            raise ConfigError(f"{_settings(given)} are sizes of different kinds of students. "
                              "Sweep one kind at a time.")
        return self.student_type if self.student_type in fitting else fitting[0]

    def _given(self, kind: str) -> list[str]:
        return [name for name in SWEPT[kind] if getattr(self, name)]

    def _sizes(self, name: str) -> list[int]:
        given = getattr(self, name)
        words = listed(given)
        for word in words or ([given] if given else []):
            if not (word.isascii() and word.isdigit() and int(word) > 0):
                raise ConfigError(f"`{name}={given}`: {word!r} is not a positive whole number. Expected "
                                  "numbers separated by commas, such as 100,200.")
        return list(dict.fromkeys(map(int, words)))

    def _check_heads(self) -> None:
        for width in self._sizes("sweep_hidden_size"):
            heads = self.heads_for(width)
            if width % heads:
                raise ConfigError(f"`sweep_hidden_size`: the {heads} attention heads of a student of width "
                                  f"{width} do not divide it. Expected a multiple of 32, or "
                                  "`num_attention_heads` that divides all the widths.")


def _settings(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
