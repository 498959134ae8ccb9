"""HDF5 files that hold nothing but their own arrays."""

from __future__ import annotations

import os
from typing import Any

from xtremedistil_tf.errors import ModelLoadError, reason_of


def check_hdf5(path: str | os.PathLike[str]) -> set[int]:
    """Refuses a file that would read other files, or itself for ever: HDF5 can.

    Args:
        path: of a file with weights.

    Returns:
        Every size of every array in it.

    Raises:
        ModelLoadError: it is no HDF5 file, or has links, external or virtual arrays, or names of types.
    """
    import h5py

    sizes: set[int] = set()

    def check(group: Any, where: str) -> None:
        for name in group:
            link, inside = group.get(name, getlink=True), f"{where}/{name}"
            if not isinstance(link, h5py.HardLink):
                raise _refused(path, inside, "a link")
            item = group[name]
            if isinstance(item, h5py.Group):
                if id_of(item) in seen:
                    raise _refused(path, inside, "a link to a group above it")
                seen.add(id_of(item))
                check(item, inside)
            elif not isinstance(item, h5py.Dataset):
                raise _refused(path, inside, "no array")
            elif item.external or item.is_virtual:
                raise _refused(path, inside, "an array that lies in another file")
            else:
                sizes.update(item.shape)

    def id_of(item: Any) -> Any:
        info = h5py.h5o.get_info(item.id)
        return info.fileno, info.addr

    try:
        with h5py.File(path) as file:
            seen = {id_of(file)}
            check(file, "")
    except ModelLoadError:
        raise
    except FileNotFoundError as error:
        raise ModelLoadError(f"{path}: not found. Copy the model directory whole, or distil again.") from error
    except Exception as error:  # h5py raises what the fault led to
        raise ModelLoadError(f"{path}: cannot be read ({reason_of(error)}). The file is damaged; copy it again from "
                             "where it was made.") from error
    return sizes


def _refused(path: str | os.PathLike[str], inside: str, what: str) -> ModelLoadError:
    return ModelLoadError(f"{path}: {inside} is {what}. Weights that this package writes are arrays in the file "
                          "itself; do not use a file from people whom you do not trust.")
