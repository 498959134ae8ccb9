"""A client program is typed: `mypy --strict` has nothing to say, and finds a mistake."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = '''
from collections.abc import Iterator
import xtremedistil_tf as xd

def texts() -> Iterator[str]:
    yield "Ada was born in London ."

student: xd.Student = xd.distil(
    task={"train": [(["Ada"], ["B-PER"])]}, kind="tagging", transfer=texts(), out="out", embedding_size=50)
scores: xd.Scores = student.evaluate("test")
for answer in student.predict_iter(texts()):
    if isinstance(answer, xd.Tagging):
        entity: xd.Entity = answer[0]
        print(entity.type, entity.start + 1, answer.tags)
print(xd.load("out", form="onnx", quantize="int8").labels, student.export("onnx").name, scores["f1"])
'''


def check(tmp_path, text: str) -> subprocess.CompletedProcess:
    file = tmp_path / "client.py"
    file.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports",
                           "--follow-imports=silent", f"--cache-dir={tmp_path / 'cache'}", str(file)],
                          capture_output=True, text=True)


def test_a_client_program_is_typed(tmp_path):
    done = check(tmp_path, PROGRAM)
    assert done.returncode == 0, done.stdout
    done = check(tmp_path, PROGRAM + "entity.kind\nstudent.predct('x')\n")
    assert 'no attribute "kind"' in done.stdout and 'no attribute "predct"' in done.stdout
