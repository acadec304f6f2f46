"""What a benchmark ran on."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = [
    "mlp_lab",
    "tensorflow",
    "keras",
    "numpy",
    "torch",
    "jax",
    "scikit-learn",
    "cockpit-for-pytorch",
]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            if package == "mlp_lab":  # run from a checkout
                import mlp_lab

                found[package] = mlp_lab.__version__
    return found


def machine() -> dict:
    """Processors and system."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"cpus": os.cpu_count(), "model": model, "system": platform.system()}
