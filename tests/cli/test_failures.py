"""A full disk, a read-only folder, too little memory: one line instead of a traceback. /dev/full is a full disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from xtremedistil_tf.cli.main import explained

RUN = """
import sys
from xtremedistil_tf.cli.main import run_command
def job(argv):
    {job}
run_command(job)
"""
FULL = {
    "python": "open('/dev/full', 'wb', buffering=0).write(b'x')",
    "numpy": "import numpy as np; np.savez(open('/dev/full', 'wb'), a=np.zeros(99999))",
    "numpy's own count": "import numpy as np; np.zeros(99999).tofile(open('/dev/full', 'wb'))",
    "hdf5": "import h5py; file = h5py.File('/dev/full', 'w'); file['a'] = list(range(99999)); file.close()",
    "tensorflow": "import tensorflow as tf; tf.io.write_file('/dev/full', 'x' * 99999)",
}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("job", FULL.values(), ids=FULL)
def test_a_full_disk_is_one_line(job, python):
    start = python if "tensorflow" in job else sys.executable  # the others write where it is not imported
    done = subprocess.run([start, "-c", RUN.format(job=job)], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "No space left on device" in lines[0] and "run the same command again" in lines[0]


@pytest.mark.parametrize("error, parts", [
    (PermissionError(errno.EACCES, "no", "/a/b"), ["Permission denied (/a/b)", "may be written to"]),
    (OSError(errno.EROFS, "no"), ["Read-only file system.", "may be written to"]),
    (OSError("Unable to create file (errno = 30, error message = 'Read-only file system')"), ["Read-only file system"]),
    (MemoryError(), ["Cannot allocate memory. Give it more memory, or smaller batches"])])
def test_other_lacks(error, parts):
    message = explained(error)
    assert all(part in message for part in parts) and message.endswith("run the same command again.")


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "no", "/a"), ValueError("No space left on device"),
                                   RuntimeError("shapes differ"), KeyError("MemoryError")])
def test_errors_of_ours_stay_what_they_are(error):
    assert explained(error) is None


def test_a_bug_still_shows_its_traceback():
    done = subprocess.run([sys.executable, "-c", RUN.format(job="raise KeyError('x')")], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" in done.stderr
