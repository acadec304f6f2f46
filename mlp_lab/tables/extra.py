"""The packages that only tables need, imported when a table is read."""

from __future__ import annotations

import importlib
from typing import Any

from mlp_lab.errors import InputError


def pandas() -> Any:
    """The module pandas.

    Raises:
      InputError: it is not installed.
    """
    return _imported("pandas", "a table")


def pyarrow_parquet() -> Any:
    """The module pyarrow.parquet, which pandas uses for parquet files.

    Raises:
      InputError: it is not installed.
    """
    return _imported("pyarrow.parquet", "a parquet file")


def _imported(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise InputError(
            "",
            f"reading {what} needs {package}, which is not installed; "
            "run: pip install 'mlp_lab[tables]'",
        ) from None
