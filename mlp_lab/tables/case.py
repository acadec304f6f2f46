"""A column whose kind is to be found, and how it is refused."""

from __future__ import annotations

import dataclasses
from typing import NoReturn

import numpy as np

from mlp_lab.tables.plan import counted, missing_counts, missing_values
from mlp_lab.tables.table import Column, Table


@dataclasses.dataclass(frozen=True)
class Case:
    """A column whose kind is asked for, with what is known about its cells."""

    table: Table
    column: Column
    asked: str  # "" if the user leaves it open
    decimal: str | None
    is_target: bool = False

    def absent(self, among_numbers: bool) -> np.ndarray:
        return missing_values(self.column, self.table.form.missing, among_numbers)

    def common(self, absent: np.ndarray, *notes: str) -> dict:
        """The fields that all plans have."""
        return {
            "name": self.column.name,
            "missing": missing_counts(self.column, absent),
            "notes": tuple(note for note in notes if note),
            "asked": bool(self.asked),
        }

    def refuse(self, wrong: np.ndarray, what: str, extra: str = "") -> NoReturn:
        """Refuses the column for some of its values."""
        counts, texts = self.column.counts(), self.column.texts()
        cells = {texts[code]: int(counts[code]) for code in np.flatnonzero(wrong).tolist()}
        first = min(map(self.column.first_row, np.flatnonzero(wrong)[:1000].tolist()))
        code = int(self.column.codes[first])
        total = sum(cells.values())
        others = f" ({total:,} of {len(self.table):,} cells are not: {counted(cells)})"
        name = self.column.name
        instead = f"--columns='{name}:category' or '{name}:ignore'"
        if self.is_target:
            instead = "--task=classes"
        raise self.table.fault(
            f"{self.table.where(self.column, code)}: {texts[code][:60]!r} is not {what}"
            f"{others if total > 1 else ''}; {extra}correct it, give "
            f"--missing={texts[code][:60]!r} if it means missing, or {instead}"
        )
