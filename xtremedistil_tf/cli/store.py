"""The command that looks after transfer stores. See `training_commands`."""

from __future__ import annotations

import logging
import pathlib
from typing import TYPE_CHECKING

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import command_handler
from xtremedistil_tf.config.commands import StoreConfig
from xtremedistil_tf.errors import TransferStoreError

if TYPE_CHECKING:
    from xtremedistil_tf.transfer.shards import Verification

_SHOWN = 10


def store(argv: list[str]) -> None:
    """Inspect, verify and merge transfer stores.

    info prints what a store holds. verify reads every array and lists the damaged shards; it then exits with a non-zero
    status. With --repair it deletes damaged shards, and the command that wrote the store writes only these again. merge
    writes one store with the examples of several stores that differ only in their text, for use with --transfer_store.

      python run_xtreme_distil_store.py info --store=out/transfer/0123456789abcdef
      python run_xtreme_distil_store.py verify --store=out/transfer/0123456789abcdef [--repair]
      python run_xtreme_distil_store.py merge --stores=out1/transfer/0123,out2/transfer/4567 --out=merged
    """
    config = parse_flags(StoreConfig, _with_command(argv), store.__doc__)
    logging.basicConfig(handlers=[command_handler(StoreConfig)], level=logging.INFO)
    {"info": _info, "verify": _verify, "merge": _merge}[config.command](config)


def _with_command(argv: list[str]) -> list[str]:
    """The first word as a flag."""
    if len(argv) > 1 and not argv[1].startswith("-"):
        return [argv[0], f"--command={argv[1]}", *argv[2:]]
    return argv


def _info(config: StoreConfig) -> None:
    from xtremedistil_tf.transfer.size import store_info

    print(store_info(pathlib.Path(config.store)))


def _verify(config: StoreConfig) -> None:
    from xtremedistil_tf.transfer.shards import remove_damaged, verify_store

    store = pathlib.Path(config.store)
    found = (remove_damaged if config.repair else verify_store)(store)
    shards = found.manifest.num_shards
    problems = [f"shard-{shard:05d}: {fault}" for shard, fault in found.damaged.items()]
    problems += [found.pca_fault] if found.pca_fault else []
    for problem in problems[:_SHOWN]:
        print(problem)
    if len(problems) > _SHOWN:
        print(f"... and {len(problems) - _SHOWN} more")
    print(f"{store}: {shards - len(found.damaged)} of {shards} shards are intact" + _unchecked(found))
    if problems and config.repair:
        print("removed the damaged parts; run the command that wrote the store again")
    elif problems:
        raise TransferStoreError(f"{store}: {len(problems)} fault{'s' * (len(problems) > 1)}. verify --repair "
                                 "removes the damaged parts; then run the command that wrote the store, "
                                 "which writes only these again.")
    elif not found.is_whole:
        raise TransferStoreError(f"{store}: the store is incomplete. Run the command that writes it again.")


def _unchecked(found: Verification) -> str:
    if not found.unchecked:
        return ""
    return (f", {len(found.unchecked)} of them without checksums (another program wrote them, or an earlier "
            "version): only their shapes were checked")


def _merge(config: StoreConfig) -> None:
    from xtremedistil_tf.transfer.merge import merge_stores

    manifest = merge_stores([pathlib.Path(folder) for folder in config.merged], pathlib.Path(config.out))
    print(f"{config.out}: {manifest.sentences:,} examples of {len(config.merged)} stores in "
          f"{manifest.num_shards} shards")
