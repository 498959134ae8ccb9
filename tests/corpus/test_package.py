import subprocess
import sys

import xtremedistil_tf.corpus as corpus


def test_public_names_exist():
    assert sorted(corpus.__all__) == sorted(set(corpus.__all__))
    assert all(hasattr(corpus, name) for name in corpus.__all__)


def test_importing_takes_no_heavy_library():
    code = ("import sys, xtremedistil_tf.corpus; "
            "print([m for m in ('tensorflow', 'transformers', 'numpy') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
