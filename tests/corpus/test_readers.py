"""Every reader on files by the documented layouts, and on damaged ones; see tests/plugins/fuzz_readers.py for hours."""

from __future__ import annotations

import pytest
from conformance.reader_layouts import ALL
from conformance.readers import run_reader_test


@pytest.mark.parametrize("name", ALL)
def test_reader(name, tmp_path):
    run_reader_test(ALL[name], tmp_path)
