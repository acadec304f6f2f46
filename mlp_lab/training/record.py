"""The record of a run: what it was, where its data came from, how it went."""

import importlib.metadata
import math
import os
import platform
from collections.abc import Mapping
from typing import Any

import mlp_lab

_PACKAGES = ("tensorflow", "keras", "numpy", "tensorboard", "absl-py")


def versions() -> dict[str, str]:
    """Versions of the lab, Python and the packages that it runs on."""
    return {
        "mlp_lab": mlp_lab.__version__,
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in _PACKAGES},
    }


def machine() -> dict[str, Any]:
    """The system and its processors, for reading times and last digits by."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
    }


def finite(value: float) -> float | str:
    """A number as JSON can hold it: NaN and infinities as their names."""
    return float(value) if math.isfinite(value) else str(float(value))


def last(history: Mapping[str, list[float]]) -> dict[str, float | str]:
    """Each log's value after the last epoch."""
    return {name: finite(values[-1]) for name, values in sorted(history.items())}
