"""The configurations of the smaller commands: export, predict, serve, store and fine-tuning."""

from __future__ import annotations

import dataclasses
import ipaddress
import re

from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.config.fields import (
    POLICIES,
    TASK_KINDS,
    decoding_choice,
    listed,
    other_decoding,
    reading_setting,
    selector,
    setting,
    validate_fields,
)
from xtremedistil_tf.errors import ConfigError

#: Form -> the quantizations that it is written in.
QUANTIZATIONS_OF = {"saved_model": ("none",), "tflite": ("none", "float16", "dynamic", "int8"),
                    "onnx": ("none", "int8"), "serving": ("none",), "hub": ("none", "int8"),
                    "mediapipe": ("none", "float16", "dynamic", "int8"), "triton": ("none", "int8"),
                    "onnx_text": ("none", "int8")}
OUTPUT_FORMATS = ("tsv", "jsonl", "conll", "csv")
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
LOCAL_FORMS = ("keras", "saved_model", "tflite", "onnx")
#: Forms that are not compared with the student on the dev set: what they hold is in another form, too.
UNCHECKED_FORMS = ("serving", "onnx_text")
#: Forms whose files can be opened here: also those that other programs are meant to run.
OPENED_FORMS = (*LOCAL_FORMS, "hub", "mediapipe", "triton")
#: What the local server runs, the preferred first.
SERVED_FORMS = ("onnx", "saved_model", "keras")
SERVING_PREFIXES = ("serving://", "serving+http://", "serving+https://")
#: Command -> the flags that it needs.
COMMANDS = {"info": ("store",), "verify": ("store",), "merge": ("stores", "out")}


def quantizations_of(form: str) -> tuple[str, ...]:
    """What a form is written in; one that is not exported, such as `keras`, is as it is."""
    return QUANTIZATIONS_OF.get(form, ("none",))


def check_quantization(form: str, quantization: str) -> None:
    """Raises ConfigError where a form is not written in a quantization."""
    if quantization not in quantizations_of(form):
        raise ConfigError(f"`quantize={quantization}`: {form} is available as {', '.join(quantizations_of(form))}.")


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Everything that decides what an export writes and how it is checked."""

    model_dir: str = setting("Data", "",
        "Folder of a finished distillation run. The files are written to its export/ folder.")
    task: str = setting("Data", "",
        "Task whose dev set is used to check the files. Default: the task that the student was distilled on.")
    formats: str = setting("What to write", "saved_model,tflite,onnx,serving",
        "Formats to write, separated by commas: saved_model, tflite, onnx, serving; hub: a folder for transformers.js "
        "and optimum; mediapipe: classifiers for MediaPipe's text classifier; triton: a model repository of Triton; "
        "onnx_text: one ONNX file that takes a text (needs onnxruntime-extensions).")
    quantize: str = setting("What to write", "none,dynamic,int8",
        "Quantizations, separated by commas: none, float16, dynamic, int8. Each format is written in those it "
        "supports (saved_model and serving: none; onnx, onnx_text, hub and triton: none and int8; tflite and "
        "mediapipe: all).")
    decoding: str = other_decoding("What to write", "the exported files' tags are")
    serving_name: str = setting("What to write", "xtremedistil", "Model name in TensorFlow Serving.")
    serving_version: int = setting("What to write", 0,
        "Model version in TensorFlow Serving. 0: the next one.", minimum=0)
    calibration_examples: int = setting("What to write", 300,
        "Transfer sentences for calibrating full int8. Recommended: 100 to 500.", minimum=1)
    fixed_length: int = setting("What to write", 0,
        "tflite: also files that take inputs of this many subwords alone, padded by the program, for processors that "
        "run no others. 0: none. Recommended: seq_len of the run.", minimum=0)
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


@dataclasses.dataclass(frozen=True)
class PredictionConfig:
    """What `run_xtreme_distil_predict.py` does."""

    model_dir: str = setting("Data", "", "Folder of a finished distillation run.")
    pred_file: str = setting("Data", "-",
        "Input text, one example per line (a file, a folder, or several separated by commas), or a .jsonl file, a "
        "table (`columns`), or a labelled file (for `do_eval` it must be one). Also compressed: .gz, .bz2, .xz. -: "
        "standard input.")
    output_file: str = setting("Data", "",
        "Output file; compressed if its name ends in .gz, .bz2 or .xz. Default: <model_dir>/predictions.txt (.jsonl, "
        ".conll, .csv) for an input file, standard output for standard input. -: standard output.")
    output_format: str = setting("Data", "tsv",
        "Format of the output (docs/prediction.md). tsv: one line per input line; jsonl: one object per line, with "
        "offsets, scores and entities; conll: one word and tag per line (taggers only); csv: a table.", OUTPUT_FORMATS)
    columns: str = setting("Data", "",
        "`pred_file` is a table (.csv, or with tabs) or .jsonl: names or numbers (from 1) of the columns that hold the "
        "text, or the two texts, separated by commas. Default: it is no table.")
    table_header: bool = setting("Data", True, "The first line of a table names its columns.")
    do_predict: bool = setting("What to do", False,
        "Predict `pred_file`: one output line per input line, in input order.")
    do_eval: bool = setting("What to do", False,
        "Compute the task's scores on `pred_file` if it is labelled, else on the task's test set.")
    task: str = setting("Data", "", "Task folder for `do_eval`. Default: the task that the model was trained on.")
    format: str = setting("Model", "keras",
        "Form of the student: keras; saved_model, tflite or onnx (from `model_dir`/export, see "
        "run_xtreme_distil_export.py); serving://host:port[/name] (TensorFlow Serving, gRPC) or "
        "serving+http://host:port[/name] (REST).")
    quantize: str = setting("Model", "none", "Quantization of the file.", QUANTIZATIONS)
    decoding: str = other_decoding("Model", "the tags are")
    batch_size: int = setting("Run", 256, "Batch size. Recommended: 32 to 512.", minimum=1)
    workers: int = setting("Run", 1,
        "Processes that answer `pred_file`; several have one thread each, and their answers are in input order. "
        "Recommended: 1 for small files or two cores, else the number of cores.", minimum=1)
    on_error: str = setting("Run", "stop",
        "What to do with a line that cannot be read (not UTF-8, not JSON, too few columns). stop: report it and write "
        "no output file; skip: write the error in its place, count it and go on.", ("stop", "skip"))
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
        if not self.table_header and not self.columns:
            raise ConfigError("`table_header=False`: there is no table. Give `columns`, the numbers of the columns "
                              "that hold the text.")


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """Where the server listens, what it serves and how much it takes."""

    model_dir: str = setting("Model", "", "Folder of a finished distillation run.")
    serving_name: str = setting("Model", "xtremedistil", "Name of the model in URLs.")
    serving_version: int = setting("Model", 1, "Version of the model in URLs.", minimum=1)
    form: str = setting("Model", "",
        "Form to serve: onnx, saved_model, keras. Default: the first of these that the model directory has and that "
        "can run here. Loading a SavedModel runs what it holds; the other forms run no code.", ("", *SERVED_FORMS))
    watch_seconds: float = setting("Model", 0.0,
        "Seconds between two looks at the model directory for a new version, which then replaces the old one without "
        "a lost request. 0: only when the signal SIGHUP says so.", minimum=0.0)
    host: str = setting("Address", "127.0.0.1",
        "Address to listen at. The default accepts this machine only; 0.0.0.0 accepts any, and needs `api_key_file` "
        "or `insecure`.")
    port: int = setting("Address", 8501, "Port to listen at; 0: any free one.", minimum=0, maximum=65535)
    allowed_hosts: str = setting("Access", "",
        "Names of this server in the header `Host` besides localhost, `host`, the machine's name and addresses, "
        "separated by commas; *: any.")
    allowed_origins: str = setting("Access", "",
        "Other sites whose pages may ask in a browser, separated by commas, such as https://example.org.")
    api_key_file: str = setting("Access", "",
        "File with a key in each line. Clients then need one: `Authorization: Bearer <key>`.")
    insecure: bool = setting("Access", False, "Listen beyond this machine though clients need no key.")
    tls_cert_file: str = setting("Access", "", "Certificate (PEM) for HTTPS.")
    tls_key_file: str = setting("Access", "", "Private key (PEM) of the certificate.")
    max_request_bytes: int = setting("Limits", 1 << 20, "Maximum bytes of a request's body.", minimum=1)
    max_answer_bytes: int = setting("Limits", 1 << 24, "Maximum bytes of an answer.", minimum=1)
    max_texts: int = setting("Limits", 1024, "Maximum texts in a request.", minimum=1)
    batch_subwords: int = setting("Limits", 1024,
        "Maximum subwords in a batch, padding included. This bounds memory, and how long others wait. A text that may "
        "have more is a batch of its own.", minimum=1)
    max_text_bytes: int = setting("Limits", 1 << 16,
        "Maximum bytes of a text for tasks that cannot answer it in parts (all but taggers and question answering).",
        minimum=1)
    max_queue: int = setting("Limits", 256,
        "Maximum requests that run or wait; further ones get status 503.", minimum=1)
    max_connections: int = setting("Limits", 256, "Maximum open connections.", minimum=1)
    timeout_seconds: float = setting("Limits", 30.0,
        "Seconds in which the whole head, and the whole body of a request must arrive, and its answer be read; an "
        "idle connection is closed after as many.", minimum=0.1)
    deadline_seconds: float = setting("Limits", 30.0,
        "Seconds in which a request is answered, or given up.", minimum=0.1)
    shutdown_seconds: float = setting("Limits", 10.0,
        "Seconds to wait for running requests when the server stops.", minimum=0.0)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "model_dir", "host")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", self.serving_name):
            raise ConfigError(f"`serving_name={self.serving_name}`: expected letters, digits and _ . - only, "
                              "as it is part of URLs.")
        if not (self.is_local or self.api_key_file or self.insecure):
            raise ConfigError(f"`host={self.host}`: others could reach this server, and need no key. Give "
                              "`api_key_file`, or `insecure` if they may.")
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ConfigError("`tls_cert_file` and `tls_key_file`: expected both or none.")
        for origin in listed(self.allowed_origins):
            if not re.fullmatch(r"https?://[^/\s]+", origin):
                raise ConfigError(f"`allowed_origins={origin}`: expected such as https://example.org, without a path.")

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


@dataclasses.dataclass(frozen=True)
class StoreConfig:
    """What `run_xtreme_distil_store.py` does."""

    command: str = setting("What to do", "",
        "info: print contents and size of a store; verify: read the whole store and compare checksums; merge: write "
        "one store with the examples of several. Give it as the first word, without a flag.", ("", *COMMANDS))
    store: str = setting("info, verify", "",
        "Folder of a transfer store: the one with manifest.json, below <model_dir>/transfer.")
    repair: bool = setting("info, verify", False,
        "Delete damaged shards. The command that wrote the store then writes only these again.")
    stores: str = setting("merge", "",
        "Folders of finished stores with the same teacher, tokenizer, seq_len and layers, separated by commas.")
    out: str = setting("merge", "", "Folder of the new store.")

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self)
        if not self.command:
            raise ConfigError(f"nothing to do: `command` is not given. Expected one of {', '.join(COMMANDS)}, "
                              "on the command line as the first word.")
        needed = COMMANDS[self.command]
        validate_fields(self, *needed)
        for name in ("store", "stores", "out"):
            if getattr(self, name) and name not in needed:
                raise ConfigError(f"`{name}` is not for `command={self.command}`, which takes "
                                  f"{', '.join(f'`{flag}`' for flag in needed)}.")
        if self.repair and self.command != "verify":
            raise ConfigError(f"`repair` is for `command=verify` only, not for {self.command}.")
        if self.command == "merge" and len(self.merged) < 2:
            raise ConfigError(f"`stores={self.stores}`: expected two folders or more, separated by commas.")

    @property
    def merged(self) -> list[str]:
        """The folders of `stores`."""
        return listed(self.stores)


@dataclasses.dataclass(frozen=True)
class StudentFineTuningConfig:
    """What `run_xtreme_distil_ft.py` does."""

    model_dir: str = setting("Data", "", "Folder of a finished distillation run.")
    output_dir: str = setting("Data", "", "Output folder for the fine-tuned student. Default: <model_dir>/fine-tuned.")
    task: str = setting("Data", "",
        "Task folder with labelled data. Default: the task that the student was distilled on.")
    decoding: str = other_decoding("Data", "the student's tags are")
    batch_size: int = setting("Training", 128, "Batch size. Recommended: 16 to 128.", minimum=1)
    ft_epochs: int = setting("Training", 100, "Maximum epochs. Recommended: 10 to 100.", minimum=1)
    patience: int = setting("Training", 5,
        "Early stopping: epochs without improvement before training ends. Recommended: 3 to 10.", minimum=1)
    select_by: str = selector("Training")
    learning_rate: float = setting("Training", 1e-4,
        "Initial learning rate (cosine schedule). Recommended: 1e-4 to 1e-3.", minimum=0.0)
    final_learning_rate: float = setting("Training", 1e-8, "Final learning rate (cosine schedule).", minimum=0.0)
    seed: int = setting("Run", 42, "Random seed.", minimum=0)
    opt_policy: str = setting("Run", "float32", "Training precision.", POLICIES)
    checkpoint_minutes: float = setting("Run", 5.0, "Minutes between checkpoints. Recommended: 1 to 30.", minimum=0.0)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "model_dir")


@dataclasses.dataclass(frozen=True)
class ModelFineTuningConfig:
    """What `run_model_ft.py` does."""

    task: str = setting("Data", "", "Task folder, as for run_xtreme_distil.py.")
    model_dir: str = setting("Data", "",
        "Output folder for the scores and, in a subfolder, the fine-tuned model as a Hugging Face folder.")
    seq_len: int = setting("Data", 128,
        "Maximum subwords of a training example, with special tokens. Recommended: 32 to 64 for sentences, 128 to 384 "
        "for longer texts.", minimum=4)
    languages: str = setting("Data", "", "Language folders of the task to use, separated by commas. Empty: all.")
    task_kind: str = setting("Data", "auto", "Kind of task, as for run_xtreme_distil.py.", TASK_KINDS)
    do_NER: bool = setting("Data", False, "The task is token tagging.")
    do_pairwise: bool = setting("Data", False, "Each example is a pair of texts.")
    task_name: str = setting("Data", "", "GLUE task whose official files are in `task`.")
    metric: str = setting("Data", "", "Metric that selects the best weights.")
    tag_scheme: str = reading_setting("tag_scheme")
    token_column: str = reading_setting("token_column")
    tag_column: str = reading_setting("tag_column")
    text_column: str = reading_setting("text_column")
    label_column: str = reading_setting("label_column")
    dev_fraction: float = reading_setting("dev_fraction")
    decoding: str = decoding_choice("Data")
    multilingual: bool = setting("Model", False,
        "Accepted for command lines of the original program; the checkpoint's own tokenizer is used.")
    pt_model: str = setting("Model", "TFAutoModel", "Class of the pre-trained model, as in the original program.")
    pt_model_checkpoint: str = setting("Model", "bert-base-multilingual-cased",
        "Pre-trained model: a hub name, a local Hugging Face folder, or package:<module>.")
    batch_size: int = setting("Training", 128, "Batch size. Recommended: 16 to 128.", minimum=1)
    ft_epochs: int = setting("Training", 100, "Maximum epochs. Recommended: 3 to 100, with early stopping.", minimum=1)
    patience: int = setting("Training", 5,
        "Early stopping: epochs without improvement before training ends. Recommended: 3 to 10.", minimum=1)
    learning_rate: float = setting("Training", 3e-5,
        "Peak learning rate (AdamW, linear warm-up over 10 % of the steps, linear decay). Recommended: 1e-4 for "
        "widths up to 512, 5e-5 up to 768 (base), 2e-5 above (large).", minimum=0.0)
    seed: int = setting("Run", 42, "Random seed.", minimum=0)
    opt_policy: str = setting("Run", "float32", "Training precision.", POLICIES)
    checkpoint_minutes: float = setting("Run", 5.0, "Minutes between checkpoints. Recommended: 1 to 30.", minimum=0.0)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "task", "model_dir")

    def as_distillation(self) -> DistillationConfig:
        """The part of a distillation run that fine-tunes its teacher."""
        own, other = ({f.name for f in dataclasses.fields(c)} for c in (self, DistillationConfig))
        shared = own & other
        values = {name: getattr(self, name) for name in shared}
        del values["learning_rate"], values["ft_epochs"]
        return DistillationConfig(
            **values, pt_teacher=self.pt_model, pt_teacher_checkpoint=self.pt_model_checkpoint,
            teacher_epochs=self.ft_epochs, teacher_learning_rate=self.learning_rate,
            teacher_ft_batch_size=self.batch_size, teacher_model_dir=self.model_dir)
