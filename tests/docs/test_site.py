"""The site builds without a warning, imports nothing heavy, and asks no other host for anything."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

pytest.importorskip("mkdocs", reason="needs the extra docs")
pytest.importorskip("material", reason="needs the extra docs")
pytest.importorskip("mkdocstrings_handlers.python", reason="needs the extra docs")

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "tf_keras", "transformers", "torch")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. Importing what is heavy would end the build."""
    out = tmp_path_factory.mktemp("site")
    code = ("import sys\n"
            f"sys.modules.update(dict.fromkeys({HEAVY!r}))\n"
            "from mkdocs.__main__ import cli\n"
            "cli(sys.argv[1:])")
    done = subprocess.run([sys.executable, "-c", code, "build", "--strict", "--site-dir", str(out)],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def test_every_page_is_there(site):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).exists(), page
    assert not list(site.rglob("hooks*"))


def test_signatures_come_from_the_source(site):
    text = (site / "api" / "students.html").read_text(encoding="utf-8")
    assert "Reads a model directory" in text and 'id="xtremedistil_tf.students.bilstm.BiLSTMShape"' in text


def test_no_other_host_is_asked(site):
    """Links may be followed; scripts, styles, fonts and images must be here."""
    for page in site.rglob("*.html"):
        found = re.findall(r'<(?:script|img|iframe|link)\b[^>]*?(?:src|href)="?(https?://[^"\s>]+)',
                           page.read_text(encoding="utf-8"))
        assert not found, (page, found)


def test_linked_files_of_the_repository_are_part_of_it(site):
    name = pathlib.Path("deploy", "slurm_ray.sh")
    assert (site / "repository" / name).read_bytes() == (ROOT / name).read_bytes()
    assert 'href="repository/deploy/slurm_ray.sh"' in (site / "cluster.html").read_text(encoding="utf-8")
