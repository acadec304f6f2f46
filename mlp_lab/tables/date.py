"""Columns of dates and times."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from mlp_lab.tables import layouts
from mlp_lab.tables.plan import FIRST_WORD, MISSING, Input, Plan, missing_values, spread
from mlp_lab.tables.table import Column

_SIZES = {"weekday": FIRST_WORD + 7}
PARTS = ("days", "year", "month", "day", "weekday", "hour", "minute", "second")
"""What a date can give the model; days count from 1970, with a fraction, and grow with time."""


@dataclasses.dataclass(frozen=True)
class Date(Plan):
    """A column of dates, which go to the model as the parts that vary in the training part.

    The weekday is a category (2 Monday ... 8 Sunday), the other parts are numbers.

    Attributes:
      layout: how they are written, a name of `layouts`; empty for a source with types.
      zoned: whether they have an offset from UTC, and so are taken in UTC.
      parts: those of `PARTS` that are used.
      low, high: the first and the last one in the training part, in ISO form.
      distinct: how many different ones there are.
    """

    layout: str
    zoned: bool
    parts: tuple[str, ...]
    low: str
    high: str
    distinct: int

    kind: ClassVar[str] = "date"
    among_numbers: ClassVar[bool] = True
    what_is_strange: ClassVar[str] = "not a date"

    def inputs(self) -> list[Input]:
        return [
            Input(
                f"{self.name}.{part}",
                "category" if part in _SIZES else "number",
                _SIZES.get(part, 0),
            )
            for part in self.parts
        ]

    def values(self) -> str:
        return f"{self.low} to {self.high}"

    def done(self) -> str:
        return ", ".join(self.parts)

    def encode(self, column: Column, given: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        absent = missing_values(column, given, self.among_numbers)
        times = read_times(column, absent, self.layout, self.zoned)
        parts = np.stack([part_of(times, part) for part in self.parts], axis=1)
        rows = spread(parts, column.codes, np.nan)
        for place, part in enumerate(self.parts):
            if part in _SIZES:
                rows[np.isnan(rows[:, place]), place] = MISSING
        return rows, ~absent & np.isnat(times)


def read_times(column: Column, absent: np.ndarray, layout: str, zoned: bool) -> np.ndarray:
    """The times of a column's values, NaT where a value is missing or not a date."""
    times = np.full(len(column.values), np.datetime64("NaT", "us"))
    if column.is_time:
        times[:] = column.values
    elif layout:
        texts = np.array(column.texts(), object)[~absent]
        times[~absent] = layouts.read(texts.tolist(), layout, zoned)
    elif column.is_text:
        texts = column.values.astype(object)[~absent]
        for zone in (True, False):
            found = layouts.read(texts.tolist(), "ymd", zone)
            times[~absent] = np.where(np.isnat(found), times[~absent], found)
    return times


def part_of(times: np.ndarray, part: str) -> np.ndarray:
    """A part of some times, float64; NaN for NaT."""
    day = times.astype("datetime64[D]")
    found: Any
    if part == "days":
        found = (times - np.datetime64(0, "us")) / np.timedelta64(1, "D")
    elif part == "year":
        found = times.astype("datetime64[Y]").astype(np.int64) + 1970
    elif part == "month":
        found = times.astype("datetime64[M]").astype(np.int64) % 12 + 1
    elif part == "day":
        found = (day - times.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
    elif part == "weekday":
        found = (day.astype(np.int64) + 3) % 7 + FIRST_WORD  # day 0 was a Thursday
    else:
        unit = {"hour": 3600, "minute": 60, "second": 1}[part]
        seconds = (times - day) / np.timedelta64(1, "s")
        found = np.floor(seconds / unit) % (24 if part == "hour" else 60)
    return np.where(np.isnat(times), np.nan, found)


def varying_parts(times: np.ndarray, clock_only: bool = False) -> tuple[str, ...]:
    """The parts that are not the same for all times."""
    known = times[~np.isnat(times)]
    parts = ("days", "hour", "minute", "second") if clock_only else PARTS
    return tuple(part for part in parts if len(np.unique(part_of(known, part))) > 1)
