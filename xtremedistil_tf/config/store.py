"""What `run_xtreme_distil_store.py` does."""

from __future__ import annotations

import dataclasses

from xtremedistil_tf.config.fields import setting, validate_fields
from xtremedistil_tf.errors import ConfigError

#: Command -> the flags that it needs.
COMMANDS = {"info": ("store",), "verify": ("store",), "merge": ("stores", "out")}


@dataclasses.dataclass(frozen=True)
class StoreConfig:
    """What `run_xtreme_distil_store.py` does."""

    command: str = setting("What to do", "",
        "info: print contents and size of a store; verify: read the whole store and compare checksums; merge: write "
        "one store with the examples of several. Given as the first word, without --command=.", ("", *COMMANDS))
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
        return [folder.strip() for folder in self.stores.split(",") if folder.strip()]
