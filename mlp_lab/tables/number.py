"""Columns of numbers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from mlp_lab.tables.numerals import Numerals
from mlp_lab.tables.plan import Input, Plan, missing_values, spread
from mlp_lab.tables.table import Column, number_text


@dataclasses.dataclass(frozen=True)
class Number(Plan):
    """A column of numbers, which go to the model as they are; missing ones as NaN.

    Attributes:
      numerals: how they are spelled.
      low, high: the range in the training part.
      distinct: how many different ones there are.
    """

    numerals: Numerals
    low: float
    high: float
    distinct: int

    kind: ClassVar[str] = "number"
    among_numbers: ClassVar[bool] = True
    what_is_strange: ClassVar[str] = "not a number"

    def inputs(self) -> list[Input]:
        return [Input(self.name, "number")]

    def values(self) -> str:
        return f"{number_text(self.low)} to {number_text(self.high)}"

    def done(self) -> str:
        return "as it is"

    def encode(self, column: Column, given: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        absent = missing_values(column, given, self.among_numbers)
        numbers = read_numbers(column, absent, self.numerals)
        strange = ~absent & ~np.isfinite(numbers)
        numbers[strange] = np.nan
        return spread(numbers[:, None], column.codes, np.nan), strange


def read_numbers(column: Column, absent: np.ndarray, numerals: Numerals) -> np.ndarray:
    """The numbers of a column's values, NaN where a value is missing or not a number."""
    numbers = np.full(len(column.values), np.nan)
    if column.is_text:
        numbers[~absent] = numerals.read(column.values[~absent])
    elif not column.is_time:
        numbers[~absent] = column.values[~absent]
    return numbers
