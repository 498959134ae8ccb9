"""What pages say of the program is true: links, flags, commands, messages, public names."""

from __future__ import annotations

import ast
import dataclasses
import functools
import pathlib
import re
import shlex

import pytest

import xtremedistil_tf
from xtremedistil_tf.cli.flags import as_flags, parse_flags
from xtremedistil_tf.cli.flags_page import COMMANDS

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
ALL = [*PAGES, ROOT / "README.md"]
LINKING = [*ALL, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "benchmarks/README.md")),
           *sorted((ROOT / "benchmarks" / "results").glob("*.md"))]
SHELL = ("sh", "bash")
# Flags of other programs that pages name.
FOREIGN = {"build-arg", "enable_batching", "head", "address", "port", "num-cpus", "generate", "nodes",
           "kill-on-bad-exit", "rm", "model-repository", "requeue", "ntasks-per-node", "gpus-per-node"}
EXAMPLES = {flag for program in sorted((ROOT / "examples").glob("*.py"))
            for flag in re.findall(r'add\("--(\w+)"', program.read_text(encoding="utf-8"))}
# What pages write for "any flag".
PLACEHOLDERS = {"flag", "name", "noname"}
_FLAG = re.compile(r"(?<![\w-])--([A-Za-z][\w-]*)")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", ALL, ids=name_of)


def flags_of(config_class):
    fields = dataclasses.fields(config_class)
    negated = (f"no{field.name}" for field in fields if isinstance(field.default, bool))
    return {"help", "flagfile", *(field.name for field in fields), *negated}


@each_page
def test_every_flag_exists(page):
    known = set.union(FOREIGN, PLACEHOLDERS, EXAMPLES, *(flags_of(command.config_class) for command in COMMANDS))
    named = set(_FLAG.findall(page.read_text(encoding="utf-8")))
    assert named <= known, f"not a flag of any command: {sorted(named - known)}"


@each_page
def test_every_place_that_runs_a_block_exists(page, blocks_of):
    for block in blocks_of(page):
        for path in re.findall(r"[\w/]+\.(?:py|md)|tests/[\w/]+", block.why):
            place = ROOT / path
            assert place.exists() or (ROOT / "xtremedistil_tf" / path).exists(), f"{name_of(page)}:{block.line}: {path}"


@each_page
def test_every_screenshot_has_the_command_that_makes_it(page):
    """A picture of pixels: on the line before it stands `<!-- made by: command -->`. Drawings are SVG."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for before, line in zip(["", *lines], lines):
        if re.search(r"!\[[^]]*\]\([^)]+\.(?:png|jpe?g|gif|webp)\)", line):
            assert re.fullmatch(r"<!-- made by: .+ -->", before), f"{name_of(page)}: {line}"


@pytest.mark.parametrize("page", sorted((ROOT / "benchmarks" / "results").glob("*.md")), ids=name_of)
def test_every_picture_of_a_result_is_there_and_so_is_the_command(page):
    text = page.read_text(encoding="utf-8")
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        assert (page.parent / picture).exists(), picture
        assert re.search(r"python \S+\.py", text), f"{name_of(page)}: no command"


PACKAGE = ROOT / "xtremedistil_tf"
ROOMS = "|".join(sorted(folder.parent.name for folder in PACKAGE.glob("*/__init__.py")))
# `corpus/conll.py`, `tasks.opening.kind_named` or `xtremedistil_tf.errors.DataError` in backticks.
_MODULE = re.compile(rf"`(?:xtremedistil_tf[/.])?((?:{ROOMS})"
                     r"(?:/[\w/]*(?:\.py)?|(?:\.(?!py`)[a-z]\w+)+(?:\.[A-Z]\w*)?))`")
# Names that are no modules: folders of a model directory, files, attributes.
_OTHERS = re.compile(r"export/|\.(?:json|npy|md|yaml|config|pbtxt|task|labels|train|dev)$")


def module_is_there(name):
    if "/" in name:
        return (PACKAGE / name).exists()
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = PACKAGE.joinpath(*parts[:length])
        file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        if file.exists():
            rest = parts[length:]
            return not rest or re.search(rf"\b{rest[0]}\b", file.read_text(encoding="utf-8")) is not None
    return False


@pytest.mark.parametrize("file", [*ALL, ROOT / "CONTRIBUTING.md", PACKAGE], ids=name_of)
def test_every_module_that_is_named_exists(file):
    texts = file.rglob("*.py") if file.is_dir() else [file]
    gone = [f"{name_of(text)}: {name}" for text in texts for name in _MODULE.findall(text.read_text(encoding="utf-8"))
            if not _OTHERS.search(name) and not module_is_there(name)]
    assert not gone


@pytest.mark.parametrize("name, there", [
    ("corpus/conll.py", True), ("tasks/tagging/", True), ("tasks.opening.kind_named", True), ("corpus/connl.py", False),
    ("tasks.reading.kind_named", False), ("tasks.opening.kind_called", False)])
def test_a_module_that_is_gone_is_noticed(name, there):
    assert _MODULE.fullmatch(f"`{name}`") and module_is_there(name) is there


def anchors(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: no such file"
        assert not anchor or anchor in anchors(file), f"{target}: {file.name} has no such heading"


@each_page
def test_every_block_of_shell_and_python_says_where_it_runs(page, blocks_of):
    for block in blocks_of(page):
        if block.language in (*SHELL, "python"):
            place = f"{name_of(page)}:{block.line}"
            assert block.mark, f"{place}: expected <!-- run --> or <!-- elsewhere: why --> before it"
            assert (block.mark == "elsewhere") == bool(block.why), f"{place}: {block.why}"


MAIN = "xtreme-distil"


def commands_in(text):
    """(command, its words) of every call of one of ours."""
    known = {name: command for command in COMMANDS for name in (command.installed, command.script) if name}
    verbs = {command.verb: command for command in COMMANDS}
    for line in text.replace("\\\n", " ").splitlines():
        if not any(name in line for name in [*known, MAIN]):
            continue
        # A quotation may go over several lines.
        line = line.replace("'", " ") if line.count("'") % 2 else line
        lexer = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars="|;<>&()")
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|;<>&()"):
                at = next((i for i, word in enumerate(words) if word in known or word == MAIN), None)
                if at is not None:
                    name, rest = words[at], words[at + 1:]
                    if name != MAIN:
                        yield known[name], rest
                    elif rest and rest[0] in verbs:
                        yield verbs[rest[0]], rest[1:]
                    elif rest and rest[0] not in ("new", "flags"):
                        yield verbs["distil"], rest
                words = []
            else:
                words.append(word)


def code_of(page, blocks):
    """Shell blocks, and indented lines."""
    indented = re.findall(r"^    ((?:\$ )?(?:xtreme-|python run_|sbatch ).*(?:\\\n.*)*)$",
                          page.read_text(encoding="utf-8"), re.MULTILINE)
    return [*(block.text for block in blocks if block.language in SHELL), *indented]


@each_page
def test_every_command_is_accepted(page, blocks_of, monkeypatch):
    monkeypatch.chdir(ROOT)  # flag files are named from there
    for text in code_of(page, blocks_of(page)):
        for command, words in commands_in(text):
            wrong = set(_FLAG.findall(" ".join(words))) - flags_of(command.config_class)
            assert not wrong, f"{command.script} has no {wrong}"
            if "..." in words or "--help" in words:
                continue
            if command.verb == "store":
                words = [f"--command={words[0]}", *words[1:]]
            parse_flags(command.config_class, [command.script, *words], "")


def test_commands_are_found():
    """So that the test above looks at something."""
    text = ("sbatch a.sh xtreme-distil --task=t --model_dir=m\nxtreme-distil new t\nxtreme-distil serve --port=1\n"
            "echo x | \\\n  python run_xtreme_distil_predict.py --do_eval")
    assert [(command.verb, words) for command, words in commands_in(text)] == [
        ("distil", ["--task=t", "--model_dir=m"]), ("serve", ["--port=1"]), ("predict", ["--do_eval"])]


@functools.cache
def messages():
    """Every text of the package as users of the commands see it, with … for what is put in."""
    found = []
    for file in (ROOT / "xtremedistil_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return [as_shown(text) for text in found]


def as_shown(text):
    """A message in the words of the command line."""
    text = re.sub(r"`…(=…)?`", r"--…\1", text)
    for command in COMMANDS:
        text = as_flags(text, command.config_class)
    return text


def error_titles():
    return re.findall(r"^### `(.+)`$", (DOCS / "faq.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_twenty_errors_are_explained():
    assert len(error_titles()) >= 20


@pytest.mark.parametrize("title", error_titles())
def test_every_explained_error_is_a_message_of_the_program(title):
    pattern = re.compile(".*".join(re.escape(part.strip(" ")) for part in title.split("…")), re.DOTALL)
    assert any(pattern.search(message.replace("`", "")) for message in messages()), title


def test_the_overview_has_all_public_names():
    page = (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    missing = [name for name in xtremedistil_tf.__all__ if f"`{name}`" not in page]
    assert not missing


def test_every_documented_object_exists():
    for page in (DOCS / "api").glob("*.md"):
        for path in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            module, _, name = path.rpartition(".")
            file = ROOT / (module.replace(".", "/") + ".py")
            if not file.exists():
                assert (ROOT / (path.replace(".", "/") + ".py")).exists(), path
                continue
            tree = ast.parse(file.read_text(encoding="utf-8"))
            assert name in [node.name for node in tree.body if hasattr(node, "name")], path
