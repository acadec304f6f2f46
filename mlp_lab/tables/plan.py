"""What is done with one column of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mlp_lab.tables import missing
from mlp_lab.tables.table import Column

MISSING, UNSEEN, FIRST_WORD = 0, 1, 2
"""Ids of a category: missing; not known from the training part; the first known word."""

TYPED = "(no value)"
"""What stands for a missing value of a source with types: None, NaN, NaT."""


@dataclasses.dataclass(frozen=True)
class Input:
    """One column of the array that a model gets.

    Attributes:
      name: of the table's column, or of a part of a date: "when.month".
      kind: "number" (NaN where missing) or "category" (whole numbers from 0 to `size` - 1).
      size: number of ids: missing, unseen and the known words; 0 for numbers.
    """

    name: str
    kind: str
    size: int = 0


@dataclasses.dataclass(frozen=True)
class Strange:
    """Cells of a table that could not be encoded as they are.

    Attributes:
      name: of the column.
      what: why: "not a number", "not a date" (both become missing), "unseen".
      cells: how many rows have which.
      first: where the first one is.
    """

    name: str
    what: str
    cells: Mapping[str, int]
    first: str

    @property
    def rows(self) -> int:
        return sum(self.cells.values())

    def __str__(self) -> str:
        """One line."""
        done = "taken as unseen" if self.what == "unseen" else f"{self.what}; taken as missing"
        shown = counted(self.cells)
        return f"column {self.name!r}: {self.rows:,} cells {done}: {shown} (first: {self.first})"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is done with one column.

    Attributes:
      name: of the column.
      missing: how many rows of the training part have which word for a missing value.
      notes: what was recognized or converted, to be said.
      asked: whether the user asked for this kind.
    """

    name: str
    missing: Mapping[str, int]
    notes: tuple[str, ...]
    asked: bool

    kind: ClassVar[str] = ""
    among_numbers: ClassVar[bool] = False  # which words mean missing

    @property
    def missing_rows(self) -> int:
        return sum(self.missing.values())

    def inputs(self) -> list[Input]:
        """The columns that it gives the model."""
        return []

    def values(self) -> str:
        """Range or number of values, for a table of all plans."""
        return ""

    def done(self) -> str:
        """What becomes of the column, in words."""
        return ""

    def encode(self, column: Column, given: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Numbers for the cells of a column.

        Args:
          given: what means missing, beside the words that always do.

        Returns:
          float64 [rows, inputs], and which of `column.values` could not be encoded.
        """
        raise NotImplementedError

    what_is_strange: ClassVar[str] = "unseen"


def missing_values(column: Column, given: tuple[str, ...], among_numbers: bool) -> np.ndarray:
    """Which of a column's values mean missing."""
    if not column.is_text:
        return np.isnat(column.values) if column.is_time else np.isnan(column.values)
    return missing.find(column.values.tolist(), given, among_numbers)


def missing_counts(column: Column, absent: np.ndarray) -> dict[str, int]:
    """How many rows have which word for missing."""
    counts, texts = column.counts(), column.values
    words: dict[str, int] = {}
    for code in np.flatnonzero(absent).tolist():
        word = str(texts[code]).strip() if column.is_text else TYPED
        words[word] = words.get(word, 0) + int(counts[code])
    typed = int(np.count_nonzero(column.codes < 0))
    if typed:
        words[TYPED] = words.get(TYPED, 0) + typed
    return {word: count for word, count in words.items() if count}


def spread(values: np.ndarray, codes: np.ndarray, absent: float) -> np.ndarray:
    """Rows from the numbers [values, inputs] of a column's values."""
    if not len(values):
        return np.full((len(codes), values.shape[1]), absent)
    rows = values[codes]
    rows[codes < 0] = absent
    return rows


def counted(cells: Mapping[str, int], most: int = 3) -> str:
    """Some cells with their counts: "'a' 12, 'b' 3, and 7 others"."""
    ordered = sorted(cells.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{word[:40]!r} {count:,}" for word, count in ordered[:most])
    return shown + (f", and {len(cells) - most:,} others" if len(cells) > most else "")
