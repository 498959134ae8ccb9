"""Goes on looking for files that a reader does not read back or fails on.

    python tests/plugins/fuzz_readers.py --minutes=60

Each round gives every reader files of another random seed. A failing file is printed, made as small as can be, with the
seed that finds it again (`--seed`). Ends with status 1 if there was one.
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import random
import sys
import tempfile
import time
import traceback

import pytest
from conformance.reader_layouts import ALL
from conformance.readers import run_reader_test


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="one round with this seed")
    parser.add_argument("--examples", type=int, default=300, help="files of each sort, reader and round")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    end, rounds, failed = time.monotonic() + 60 * options.minutes, 0, set()
    while time.monotonic() < end and (options.seed is None or not rounds):
        start = random.randrange(2**32) if options.seed is None else options.seed
        rounds += 1
        for name in ALL.keys() - failed:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    run_reader_test(ALL[name], pathlib.Path(folder), options.examples, start)
                except (Exception, pytest.fail.Exception):
                    failed.add(name)  # its faults would be printed again each round
                    print(f"{name}: failed with --seed={start}\n{traceback.format_exc()}", flush=True)
    print(f"{rounds} rounds of {len(ALL)} readers, {len(failed)} failed: {', '.join(sorted(failed)) or 'none'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
