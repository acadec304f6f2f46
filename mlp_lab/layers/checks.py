"""Checks of the layers' arguments."""

import math
from collections.abc import Sequence
from typing import Any


def positive(name: str, value: Any) -> float:
    """The value, a finite number above 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(f"{name}: expected a finite number above 0, got {value!r}")
    return value


def at_least(name: str, value: Any, low: int) -> int:
    """The value, a whole number that is not below `low`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name}: expected a whole number of at least {low}, got {value!r}")
    return value


def numbers(name: str, values: Any) -> list[float]:
    """The values as floats, all finite."""
    found = [float(value) for value in values]
    wrong = [value for value in found if not math.isfinite(value)]
    if wrong:
        raise ValueError(f"{name}: expected finite numbers, got {wrong[0]!r}")
    return found


def category_sizes(values: Any) -> list[int]:
    """Numbers of ids: missing, unseen and the known words, so at least 2 each."""
    return [at_least("sizes", int(value), 2) for value in values]


def equally_long(**lists: Sequence) -> None:
    """Refuses lists, by argument, that do not have an entry for each column."""
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"expected an entry for each column in every list, but {shown}")
