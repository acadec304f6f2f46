"""The full data sets, which a machine may or may not have."""

import os
from pathlib import Path

import pytest

from mlp_lab import data
from mlp_lab.errors import InputError


def source_of(name: str) -> dict[str, str]:
    """The options with which `data.load` and `Config` find a full set; skips without one."""
    if folder := os.environ.get("MLP_LAB_TEST_DATA"):
        return {"data_dir": str(Path(folder, name))}
    try:
        data.load(name, "keras_cache")
    except InputError:
        pytest.skip("no full set in the Keras cache, and MLP_LAB_TEST_DATA is not set")
    return {"data_source": "keras_cache"}
