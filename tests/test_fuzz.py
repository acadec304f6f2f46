"""Whatever comes, files and flags are taken or refused in one line, fast and in little memory."""

import time
import tracemalloc

import pytest
from covering import slow
from fuzzing import TARGETS
from hypothesis import HealthCheck, given, settings

# Decoded, a bomb that is no bomb may take what it claims: up to 64 MiB, and a copy.
MOST_BYTES = 256 * 1024**2
MOST_SECONDS = 20  # for a hang; a busy machine takes its time

EXAMPLES = {"idx": 100, "gzip": 20, "npz": 70, "cache": 50, "rows": 100, "shards": 100}
EXAMPLES |= {"checkpoint": 150, "flags": 100}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("times", [1, slow(3)])
def test_taken_or_refused_in_one_line(name, times):
    target = TARGETS[name]()
    found = {True: 0, False: 0}

    @settings(
        max_examples=times * EXAMPLES[name], derandomize=True, deadline=None, database=None,
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(target.inputs)
    def check(value):
        tracemalloc.reset_peak()
        began = time.monotonic()
        found[target.accepts(value)] += 1
        assert time.monotonic() - began < MOST_SECONDS
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES

    tracemalloc.start()
    try:
        check()
    finally:
        tracemalloc.stop()
    assert found[False], "nothing was refused"
    assert found[True] or name == "cache", "nothing was taken"  # no chance to guess a SHA-256
