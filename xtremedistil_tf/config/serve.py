"""What `run_xtreme_distil_serve.py` does."""

from __future__ import annotations

import dataclasses
import re

from xtremedistil_tf.config.fields import setting, validate_fields
from xtremedistil_tf.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """Where the server listens, what it serves and how much it takes."""

    model_dir: str = setting("Model", "", "Folder that a distillation run wrote.")
    serving_name: str = setting("Model", "xtremedistil", "Name of the model in addresses.")
    serving_version: int = setting("Model", 1, "Version of the model in addresses.", minimum=1)
    host: str = setting("Address", "127.0.0.1",
        "Address to listen at. The default answers this machine alone; 0.0.0.0 answers any, without a "
        "password.")
    port: int = setting("Address", 8501, "Port to listen at; 0: any free one.", minimum=0, maximum=65535)
    max_request_bytes: int = setting("Limits", 1 << 20, "Most bytes of a request's body.", minimum=1)
    max_texts: int = setting("Limits", 1024, "Most texts in a request.", minimum=1)
    batch_bytes: int = setting("Limits", 1 << 16,
        "Most bytes of text, padding included, that the model is given at once; this bounds its memory. "
        "Larger requests are cut into batches; a single longer text is refused.", minimum=1)
    max_queue: int = setting("Limits", 32,
        "Most requests in work or waiting for the model; further ones are answered 503.", minimum=1)
    max_connections: int = setting("Limits", 128, "Most open connections.", minimum=1)
    timeout_seconds: float = setting("Limits", 30.0,
        "Time after which a connection on which nothing arrives is closed.", minimum=0.1)
    shutdown_seconds: float = setting("Limits", 10.0,
        "Longest wait for requests in work when the server is stopped.", minimum=0.0)

    def validate(self) -> None:
        """Raises ConfigError on the first value that cannot be meant."""
        validate_fields(self, "model_dir", "host")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", self.serving_name):
            raise ConfigError(f"--serving_name={self.serving_name}: expected letters, digits and _ . - only, "
                              "as it is part of addresses.")
