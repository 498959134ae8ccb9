"""What AutoGraph made over for graphs in one process of a session is read by the others, not made over again.

Every worker, and the process that forks, would else make over the same few hundred functions: of Keras, of transformers
and of this package. A function is known by its compiled code, so one that differs in anything is made over anew.
"""

from __future__ import annotations

import functools
import hashlib
import json
import marshal
import os
import pathlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that forks has no pytest
    import pytest

#: Python runs it as it starts: TensorFlow is imported later, and not at all by some.
_SITE = """
import importlib.util, pathlib, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow.python.autograph.impl.api":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def then_share(module):
            execute(module)
            import shared_conversions
            shared_conversions.share(pathlib.Path({folder!r}))

        spec.loader.exec_module = then_share
        return spec

sys.meta_path.insert(0, Finder())
"""


def at_start() -> str:
    """PYTHONPATH of a process that is not forked, and has them once it imports TensorFlow."""
    folder = pathlib.Path(os.environ["XTREMEDISTIL_FORKED_PYTHON"])
    site = folder.with_name("site") / "sitecustomize.py"
    if not site.exists():
        site.parent.mkdir(exist_ok=True)
        part = site.with_name(f"{os.getpid()}.py")
        part.write_text(_SITE.format(folder=str(folder.with_name("made_over"))), encoding="utf-8")
        part.replace(site)
    there = filter(None, [os.environ.get("PYTHONPATH")])
    return os.pathsep.join([str(site.parent), str(pathlib.Path(__file__).parent), *there])


def share(folder: pathlib.Path) -> None:
    """Through files of this folder, once TensorFlow is imported."""
    api = sys.modules.get("tensorflow.python.autograph.impl.api")
    if api is None or hasattr(api.PyToTF, "transform_alone"):
        return
    folder.mkdir(exist_ok=True)
    api.PyToTF.transform_alone = api.PyToTF.transform_function
    api.PyToTF.transform_function = functools.partialmethod(_transform_function, folder)


def _transform_function(self: Any, folder: pathlib.Path, function: Any, context: Any) -> Any:
    options = self.get_caching_key(context)
    with self._cache_lock:
        if not self._cache.has(function, options):
            path = folder / _key(function.__code__, options)
            if path.exists():
                self._cache[function][options] = _read(path, function, self.get_extra_locals())
            else:
                done = self.transform_alone(function, context)
                _write(path, self._cache[function][options])
                return done
    return self.transform_alone(function, context)


def _key(code: Any, options: Any) -> str:
    switches = [*options.as_tuple()[:3], sorted(feature.name for feature in options.optional_features)]
    # Later formats of marshal depend on how many hold an object.
    return hashlib.sha256(marshal.dumps(code, 2) + json.dumps(switches).encode()).hexdigest()


def _write(path: pathlib.Path, factory: Any) -> None:
    module, origins = factory.module, factory.source_map.items()
    text = json.dumps({
        "name": factory._name, "source": pathlib.Path(module.__file__).read_text(encoding="utf-8"),
        "factory": next(name for name in vars(module) if name.startswith("outer_factory")),
        "origins": [[line.lineno, origin.loc, origin[1:]] for line, origin in origins]})
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _read(path: pathlib.Path, function: Any, extra_locals: dict[str, Any]) -> Any:
    from tensorflow.python.autograph.pyct import loader, origin_info, transpiler

    kept = json.loads(path.read_text(encoding="utf-8"))
    factory = transpiler._PythonFnFactory(kept["name"], function.__code__.co_freevars, extra_locals)
    factory.module, file = loader.load_source(kept["source"], delete_on_exit=True)
    factory._unbound_factory = getattr(factory.module, kept["factory"])()
    factory.source_map = {
        origin_info.LineLocation(file, line): origin_info.OriginInfo(origin_info.Location(*where), *rest)
        for line, where, rest in kept["origins"]}
    return factory


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before pytest's own, which makes the fixtures."""
    share(pathlib.Path(os.environ["XTREMEDISTIL_FORKED_PYTHON"]).with_name("made_over"))
