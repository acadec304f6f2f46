"""What y holds: checked, and described before a task is chosen."""

from __future__ import annotations

import dataclasses

import numpy as np

from mlp_lab.errors import InputError

FEW = 20
"""So many different whole numbers may be classes whatever they are."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known about y before a task is chosen.

    Attributes:
      numeric: whether it holds numbers.
      whole: whether all are whole numbers.
      distinct: how many different values it has (in one column).
      rows: of the training part.
      columns: how many columns it has.
      several_labels: whether it has several columns of 0 and 1, and not just one 1 in each row.
      one_hot: whether it has several columns with one 1 in each row.
      integers: whether its type is of integers.
      first, last: the least and the greatest number; 0 if there are none.
    """

    numeric: bool
    whole: bool
    distinct: int
    rows: int
    columns: int = 1
    several_labels: bool = False
    one_hot: bool = False
    integers: bool = False
    first: float = 0.0
    last: float = 0.0

    @property
    def several_columns(self) -> bool:
        return self.columns > 1

    def kind(self) -> str:
        """What y seems to hold: classes, labels or numbers.

        Whole numbers are classes if there are two of them, or up to `FEW` and ten rows for each;
        integers also if they run from 0 or 1 without a gap and there are four rows for each.
        """
        if self.columns > 1:
            return "labels" if self.several_labels else "classes" if self.one_hot else "numbers"
        if not self.numeric:
            return "classes"
        if not self.whole:
            return "numbers"
        if self.distinct <= 2 or (self.distinct <= FEW and 10 * self.distinct <= self.rows):
            return "classes"
        ids = self.integers and self.first in (0, 1)
        gapless = self.last - self.first == self.distinct - 1
        return "classes" if ids and gapless and 4 * self.distinct <= self.rows else "numbers"


def checked(y: np.ndarray, name: str) -> np.ndarray:
    """y as [n] or [n, columns > 1] of texts, booleans, integers or finite floats.

    Raises:
      InputError: it is of another shape or type, or a value is missing or infinite; the message
        names the first such row, counted from 0.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise InputError("data", f"{name} has the shape {y.shape}, expected (n,) or (n, columns)")
    if y.dtype.kind in "US":
        return _texts(y, name)
    if y.dtype.kind not in "biuf":
        what = {"c": "complex numbers", "M": "dates"}.get(y.dtype.kind, y.dtype)
        raise InputError("data", f"{name} holds {what}, expected real numbers or texts")
    y = np.ascontiguousarray(y, y.dtype.newbyteorder("="))
    if y.dtype.kind == "f":
        y = y.astype(np.float64)
        wrong = ~np.isfinite(y)
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0])
            raise InputError(
                "data",
                f"{name}: row {place[0]:,} is {'NaN' if np.isnan(y[place]) else 'infinite'} (rows "
                f"are counted from 0), and {int(wrong.sum()) - 1:,} others; remove these rows",
            )
    return y


def _texts(y: np.ndarray, name: str) -> np.ndarray:
    if y.ndim > 1:
        raise InputError("data", f"{name} holds texts in {y.shape[1]} columns, expected one")
    try:
        if y.dtype.kind == "S":
            y = np.array([text.decode() for text in y.tolist()])
        texts = y.tolist()
        "".join(texts).encode()
    except ValueError:  # not UTF-8, or not even characters
        problem = f"{name} holds texts that are not Unicode; save them as UTF-8"
        raise InputError("data", problem) from None
    if "" in texts:
        raise InputError(
            "data", f"{name}: row {texts.index(''):,} has no text (rows are counted from 0)"
        )
    return np.array(texts)


def facts_of(y: np.ndarray) -> Facts:
    """The facts of what `checked` returned."""
    columns = 1 if y.ndim == 1 else y.shape[1]
    if y.dtype.kind == "U":
        return Facts(False, False, len(np.unique(y)), len(y))
    whole = y.dtype.kind != "f" or bool((y == np.floor(y)).all())
    if columns == 1:
        values = np.unique(y)
        integers = y.dtype.kind in "iu"
        first, last = float(values[0]), float(values[-1])
        return Facts(True, whole, len(values), len(y), 1, False, False, integers, first, last)
    zeros_and_ones = bool(((y == 0) | (y == 1)).all())
    one_hot = zeros_and_ones and bool(one_hot_rows(y).all())
    several = zeros_and_ones and not one_hot
    return Facts(True, whole, 0, len(y), columns, several, one_hot, y.dtype.kind in "iu")


def one_hot_rows(y: np.ndarray) -> np.ndarray:
    """Which rows of [n, columns] have one 1 and else 0."""
    return ((y == 0) | (y == 1)).all(axis=1) & ((y == 1).sum(axis=1) == 1)
