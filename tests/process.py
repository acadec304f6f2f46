"""Running the lab as its users do: as a process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def environment(home: Path) -> dict[str, str]:
    """A user's environment with an empty home and no network (a proxy that refuses)."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "KERAS_", "XLA_"))}
    no_network = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}
    return {**kept, **no_network, "no_proxy": "", "HOME": str(home)}


def train(
    *arguments: str, home: Path, entry: tuple[str, ...] = ("train.py",), **kwargs
) -> subprocess.CompletedProcess:
    """Runs train.py, or another entry, with these flags from the checkout's folder."""
    command = [sys.executable, *entry, *arguments]
    options = {"cwd": ROOT, "env": environment(home), "timeout": 300, **kwargs}
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)
