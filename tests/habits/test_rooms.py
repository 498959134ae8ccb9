"""Who may import whom: rooms stand above one another, imports only go down, and what is light stays light."""

from __future__ import annotations

import ast
import functools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "xtremedistil_tf"

# From the bottom to the top: a room imports rooms before it alone. docs/architecture.md draws them.
ROOMS = ("errors", "atomic", "folder_lock", "fingerprint", "markdown", "progress", "process", "config", "corpus",
         "training", "checkpoints", "tokenization", "onnx_rewriting", "onnx_rows", "onnx_graphs", "tasks",
         "distillation", "students", "teachers", "inference", "transfer", "export", "augmentation", "evaluation",
         "runs", "student", "api", "cli")
MOST_ROOMS, MOST_FLOORS = 16, 9
HEAVY = {"datasets", "faiss", "grpc", "h5py", "jinja2", "onnx", "onnxruntime", "openvino", "prometheus_client", "ray",
         "sklearn", "starlette", "tensorflow", "tensorflow_text", "tf2onnx", "tf_keras", "torch", "transformers",
         "uvicorn"}
#: Modules that answer `--help`, describe a task or answer with ONNX: nothing heavy is imported with them.
LIGHT = ("cli.main", "cli.flags", "cli.verbs", "cli.training_commands", "cli.answering_commands", "cli.store", "api",
         "student", "tasks.registry", "tasks.opening", "tasks.scores", "tasks.raw_text", "tasks.tagging.task",
         "tasks.tagging.answers", "tasks.classification.task", "tasks.multi_label.task", "tasks.regression.task",
         "tasks.question_answering.task", "inference.predictor", "inference.runtimes", "tokenization.light",
         "transfer.ray_worker", "runs.sweep.run", "runs.predict")


def _name(path: pathlib.Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def _imports(module: str, inside: bool) -> frozenset[tuple[str, int]]:
    """(name, line) of what a module imports at its top; with `inside` in its functions, too. Types do not count."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    typing = {id(part) for block in blocks for part in ast.walk(block)}
    found = set()
    for node in ast.walk(tree) if inside else tree.body:
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            found |= {(alias.name, node.lineno) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add((full if full in FILES else str(node.module), node.lineno))
    return frozenset(found)


def _room(module: str) -> str:
    return [*module.split("."), ""][1]


def _arrows() -> dict[str, dict[str, str]]:
    """{room: {room that it imports: where}}."""
    arrows: dict[str, dict[str, str]] = {room: {} for room in ROOMS}
    for module, path in FILES.items():
        for name, line in _imports(module, inside=True):
            if name.startswith("xtremedistil_tf.") and module != "xtremedistil_tf" and _room(name) != _room(module):
                arrows[_room(module)][_room(name)] = f"{path.relative_to(ROOT)}:{line}"
    return arrows


def test_every_room_is_known():
    assert {_room(module) for module in FILES} - {""} == set(ROOMS)
    assert sum((PACKAGE / room).is_dir() for room in ROOMS) <= MOST_ROOMS


def test_imports_go_down():
    up = [f"{where}: {room} imports {other}, which stands above it" for room, others in _arrows().items()
          for other, where in others.items() if ROOMS.index(other) > ROOMS.index(room)]
    assert not up, "\n".join(up)


def test_there_are_few_floors():
    arrows = _arrows()
    ground = {"errors", "atomic", "fingerprint", "progress", "process"}
    floors: dict[str, int] = {}
    for room in ROOMS:
        floors[room] = 1 + max((floors[other] for other in arrows[room] if other not in ground), default=0)
    assert max(floors.values()) <= MOST_FLOORS, floors


def test_no_files_import_one_another_in_a_circle():
    graph = {module: {name for name, _ in _imports(module, inside=False) if name in FILES} for module in FILES}
    done: set[str] = set()
    while ready := {module for module in graph if module not in done and graph[module] - {module} <= done}:
        done |= ready
    assert not set(graph) - done


@pytest.mark.parametrize("light", LIGHT)
def test_what_is_light_imports_nothing_heavy(light):
    seen: set[str] = set()
    left = [(f"xtremedistil_tf.{light}", "")]
    while left:
        module, why = left.pop()
        if module in seen:
            continue
        seen.add(module)
        for name, line in _imports(module, inside=False):
            place = f"{module}:{line}"
            assert name.split(".")[0] not in HEAVY, f"{place} imports {name}{why}"
            parents = [name.rsplit(".", count)[0] for count in range(name.count("."))]
            left += [(parent, f", and {place} imports that{why}") for parent in parents if parent in FILES]


def test_the_page_of_the_rooms_names_them_all():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [room for room in ROOMS if (PACKAGE / room).is_dir() and f"`{room}/`" not in page] == []


def test_a_folder_says_what_is_in_it():
    for module, path in FILES.items():
        if path.name == "__init__.py" and module.count(".") == 1:
            assert "egin with" in (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""), module
