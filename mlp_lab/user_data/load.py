"""Loads data of the user's own, whatever they are."""

from __future__ import annotations

from collections.abc import Callable

from mlp_lab.data import Dataset
from mlp_lab.user_data.table import load_table
from mlp_lab.user_data.wanted import Wanted


def load(wanted: Wanted, say: Callable[[str], None]) -> Dataset:
    """Loads them and splits them into parts.

    Args:
      wanted: what the user says about them.
      say: told what was recognized, and why.

    Raises:
      InputError: they cannot be read, or nothing can be learned from them.
    """
    return load_table(wanted, say)
