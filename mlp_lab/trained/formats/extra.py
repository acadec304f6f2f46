"""Packages that only one form of export needs."""

import importlib
from typing import Any

from mlp_lab.errors import InputError


def imported(module: str, extra: str) -> Any:
    """A module of an extra.

    Raises:
      InputError: it is not installed; the message says what to run.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            "format",
            f"{extra} needs {module.partition('.')[0]}, which is not installed; run: pip install "
            f"'mlp_lab[{extra}]'",
        ) from None
