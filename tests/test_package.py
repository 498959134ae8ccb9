"""What importing the package, and starting its commands, does to the process."""

from __future__ import annotations

import os
import subprocess
import sys


def test_triton_is_never_loaded_after_tensorflow(tmp_path):
    # As Triton does where TensorFlow's LLVM is in the process already.
    (tmp_path / "triton.py").write_text("import os\nos.abort()\n")
    code = ("import importlib.util\nfrom xtremedistil_tf.process import hide_triton\nhide_triton()\n"
            "try:\n    import triton\nexcept ImportError:\n    print('absent', importlib.util.find_spec('triton'))\n")
    assert _run(code, tmp_path) == "absent None"


def test_a_triton_that_was_loaded_before_stays(tmp_path):
    (tmp_path / "triton.py").write_text("name = 'loaded first'\n")
    assert _run("import triton\nfrom xtremedistil_tf.process import hide_triton\nhide_triton()\n"
                "import triton\nprint(triton.name)\n", tmp_path) == "loaded first"


def test_importing_the_package_leaves_other_modules_alone(tmp_path):
    (tmp_path / "triton.py").write_text("name = 'untouched'\n")
    assert _run("import xtremedistil_tf, triton, sys\nprint(triton.name, 'tensorflow' in sys.modules)\n",
                tmp_path) == "untouched False"


def _run(code: str, first: os.PathLike) -> str:
    path = os.pathsep.join(filter(None, [str(first), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env=os.environ | {"PYTHONPATH": path}).stdout.strip()
