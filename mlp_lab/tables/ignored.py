"""Columns that the model does not get."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from mlp_lab.tables.plan import Plan
from mlp_lab.tables.table import Column

REASONS = {
    "text": "free text",
    "id": "identifies rows",
    "constant": "always the same",
    "empty": "no value",
    "asked": "as asked",
}


@dataclasses.dataclass(frozen=True)
class Ignored(Plan):
    """A column that is not used.

    Attributes:
      reason: a key of `REASONS`.
      distinct: how many different values it has.
    """

    reason: str
    distinct: int

    kind: ClassVar[str] = "ignored"

    def values(self) -> str:
        return f"{self.distinct:,} different"

    def done(self) -> str:
        return f"ignored: {REASONS[self.reason]}"

    def encode(self, column: Column, given: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        return np.empty((len(column.codes), 0)), np.zeros(len(column.values), bool)
