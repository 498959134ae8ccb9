"""Tries mutants: forks a process for each, which puts the mutant in its place and runs the tests that reach it.

The process that forks is pytest after collection. No operation of TensorFlow has been computed in it, so that a fork may
use threads. Most mutants change the body of one function, which is then given other code, or a constant. Else the
fork starts before this package is imported, and imports it with the mutant.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.abc
import importlib.util
import json
import os
import pathlib
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from mutants import Mutant

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: Plugins of the tests that say how a whole session went, or start a process of their own.
_LEFT_OUT = ("forked_python", "leftovers", "durations", "cacheprovider", "xdist", "cov")
#: Fixtures of tests that start processes.
_PROCESSES = {"python"}
_PR_SET_PDEATHSIG = 1
#: Where hypothesis keeps the settings of a test, and the most examples here.
_SETTINGS, _EXAMPLES = "_hypothesis_internal_use_settings", 20


def import_packages() -> None:
    """What every fork needs and no mutant changes."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "TF_NUM_INTRAOP_THREADS": "1",
                   "OMP_NUM_THREADS": "1"}
    for name in ("tensorflow", "tf_keras", "transformers.models.bert.modeling_tf_bert", "h5py", "scipy.special",
                 "seqeval.scheme", "sklearn.metrics", "hypothesis.strategies", "coverage", "onnx", "onnxruntime"):
        __import__(name)
    assert not any(name.startswith("xtremedistil_tf") for name in sys.modules)


def try_mutants(module: str, tests: Sequence[str], mutants: Sequence[Mutant], folder: pathlib.Path) -> list[str]:
    """What becomes of each mutant: `survived`, `killed`, or `time` where the tests took longer than the limit.

    Args:
        module: its file within the repository.
        tests: files of tests.
        mutants: of the module.
        folder: for files that are needed meanwhile.

    Raises:
        SystemExit: a test fails without any change.
    """
    folder.mkdir(exist_ok=True)
    results = folder / "results.json"
    results.unlink(missing_ok=True)
    _forked(lambda: _pytest(tests, _Session(module, mutants, folder)), folder, 36_000.0)
    if not results.exists():
        log = (folder / "log").read_text(encoding="utf-8", errors="replace")
        raise SystemExit(f"{module}: its tests fail without any change:\n{log[-4000:]}")
    found, seconds = json.loads(results.read_text(encoding="utf-8"))
    for number, mutant in enumerate(mutants):
        if not found[number]:  # neither a constant nor the body of a function
            found[number] = _status(_forked(lambda changed=mutant: _with_mutant(module, changed, tests, folder), folder,
                                            30 + 10 * seconds))
    return found


class _Tests:
    """Of pytest: runs the tests, and notes the lines of a module that each reaches, and its seconds."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Examples of hypothesis are the same for every mutant; a failing one is not made smaller."""
        import hypothesis

        hypothesis.settings.register_profile("mutants", deadline=None, database=None, derandomize=True,
                                             phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate])
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Fewer examples, for time, and no tests that start processes: what they miss counts as a survivor."""
        import hypothesis

        items[:] = [item for item in items if not _PROCESSES & set(item.fixturenames)]

        for item in items:
            known = getattr(item.function, _SETTINGS, None)
            if known is not None:
                fewer = hypothesis.settings(known, max_examples=min(_EXAMPLES, known.max_examples))
                setattr(item.function, _SETTINGS, fewer)


class _Session(_Tests):
    """In the place of a run of the tests: one run for each mutant, of the tests that reach it, in a fork."""

    def __init__(self, module: str, mutants: Sequence[Mutant], folder: pathlib.Path):
        self._module, self._mutants, self._folder, self._coverage = module, mutants, folder, None
        self._seconds: dict[str, float] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from tensorflow.python.eager import context

        assert context._context is None or context._context._context_handle is None
        known = self._folder / "lines.json"
        if _forked(lambda: self._note_lines(session, known), self._folder, 3600.0) != 0:
            return True
        lines, seconds = json.loads(known.read_text(encoding="utf-8"))
        found = []
        for mutant in self._mutants:
            chosen = _reaching(session.items, lines, seconds, mutant.lines)
            limit = 20 + 10 * sum(seconds[item.nodeid] for item in chosen)
            fast = mutant.function or mutant.constant
            found.append(fast and _status(_forked(
                lambda items=chosen, changed=mutant: self._run_changed(session, items, changed), self._folder, limit)))
        result = json.dumps([found, sum(seconds.values())])
        (self._folder / "results.json").write_text(result, encoding="utf-8")
        return True

    def _run_changed(self, session: pytest.Session, items: Sequence[Any], mutant: Mutant) -> int:
        _put_into_place(self._module, mutant, self._folder)
        return _run(session, items)

    def _note_lines(self, session: pytest.Session, known: pathlib.Path) -> int:
        import coverage

        self._coverage = coverage.Coverage(data_file=None, include=[str(ROOT / self._module)], config_file=False)
        self._coverage.start()
        status = _run(session, session.items)
        self._coverage.stop()
        data, lines = self._coverage.get_data(), {}
        for file in data.measured_files():
            for line, tests in data.contexts_by_lineno(file).items():
                for test in tests:
                    lines.setdefault(test, []).append(line)
        known.write_text(json.dumps([lines, self._seconds]), encoding="utf-8")
        return status

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[Any]:
        began = time.process_time()
        done = yield
        self._seconds[item.nodeid] = time.process_time() - began
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: Any) -> Iterator[Any]:
        """What a fixture reaches counts for all tests of its file: others may use what it made."""
        self._switch(_file(item.nodeid))
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Any) -> Iterator[Any]:
        self._switch(item.nodeid)
        return (yield)

    def _switch(self, name: str) -> None:
        if self._coverage:
            self._coverage.switch_context(name)


def _reaching(items: Sequence[Any], lines: dict[str, list[int]], seconds: dict[str, float],
              statement: range) -> list[Any]:
    """The tests that reach a statement, the quickest first; all where none is known to (graph code is not traced)."""
    contexts = {name for name, reached in lines.items() if set(reached) & set(statement)}
    found = [item for item in items if item.nodeid in contexts or _file(item.nodeid) in contexts]
    return sorted(found or items, key=lambda item: seconds[item.nodeid])


def _run(session: pytest.Session, items: Sequence[Any]) -> int:
    """1 where a test fails."""
    for item, following in zip(items, [*items[1:], None]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def _put_into_place(module: str, mutant: Mutant, folder: pathlib.Path) -> None:
    """Gives a changed function its other code, so that whoever has imported it has the mutant; exchanges a constant."""
    file = folder / f"mutant_{pathlib.Path(module).name}"
    file.write_text(mutant.code, encoding="utf-8")  # AutoGraph reads it
    code = compile(mutant.code, str(file), "exec", dont_inherit=True)
    place: Any = sys.modules[_dotted(module)]
    if not mutant.function:
        _exchange(vars(place), code)
        return
    *classes, function = mutant.function.split(".")
    for name in classes:
        place = getattr(place, name)
    for name in mutant.function.split("."):
        code = next(part for part in code.co_consts if isinstance(part, types.CodeType) and part.co_name == name)
    _bare(vars(place)[function]).__code__ = code


def _exchange(module: dict[str, Any], code: types.CodeType) -> None:
    """Gives constants their other values wherever they have been imported."""
    other = {"__name__": module["__name__"]}
    exec(code, other)
    for name, value in other.items():
        old = module.get(name)
        skipped = name.startswith("__") or isinstance(value, (types.FunctionType, types.ModuleType, type))
        if skipped or repr(value) == repr(old):
            continue
        for user in list(sys.modules.values()):
            if getattr(user, "__dict__", {}).get(name) is old:
                setattr(user, name, value)


def _bare(value: Any) -> types.FunctionType:
    """The function within decorators."""
    while not isinstance(value, types.FunctionType):
        value = next(found for name in ("fget", "func", "__func__", "__wrapped__")
                     if (found := getattr(value, name, None)) is not None)
    return _bare(value.__wrapped__) if hasattr(value, "__wrapped__") else value


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module in another file."""

    def __init__(self, name: str, file: pathlib.Path):
        self._name, self._file = name, file

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_file_location(name, self._file) if name == self._name else None


def _with_mutant(module: str, mutant: Mutant, tests: Sequence[str], folder: pathlib.Path) -> int:
    file = folder / f"mutant_{pathlib.Path(module).name}"
    file.write_text(mutant.code, encoding="utf-8")
    sys.meta_path.insert(0, _Finder(_dotted(module), file))
    return _pytest(tests, _Tests())


def _pytest(tests: Sequence[str], plugin: _Tests) -> int:
    sys.path.insert(0, str(ROOT))
    os.environ["XTREMEDISTIL_FORKED_PYTHON"] = os.path.join(os.environ["TMPDIR"], "python")
    left_out = [word for name in _LEFT_OUT for word in ("-p", f"no:{name}")]
    return int(pytest.main(["-x", "-q", "--tb=line", "-o", "addopts=--import-mode=importlib", *left_out,
                            f"--basetemp={os.environ['TMPDIR']}/pytest", *tests], [plugin]))


def _dotted(module: str) -> str:
    return module.removesuffix(".py").replace("/", ".")


def _file(test: str) -> str:
    return test.partition("::")[0]


def _status(status: int | None) -> str:
    return "time" if status is None else "killed" if status else "survived"


def _forked(run: Callable[[], int], folder: pathlib.Path, limit: float) -> int | None:
    """What a fork returns, above 0 where it raises or is killed; None where it was stopped at the limit (seconds)."""
    child = os.fork()
    if not child:
        os._exit(_in_fork(run, folder))
    until = time.monotonic() + limit
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return abs(os.waitstatus_to_exitcode(status))
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _in_fork(run: Callable[[], int], folder: pathlib.Path) -> int:
    os.setpgid(0, 0)
    with contextlib.suppress(AttributeError):  # Linux: no fork outlives the one that waits for it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(ROOT)
    os.environ["TMPDIR"] = str(folder)
    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        status = run()
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        status = 99
    sys.stdout.flush()
    return status
