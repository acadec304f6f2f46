"""A table in memory: columns of cells that are not interpreted yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mlp_lab.errors import InputError, near_miss
from mlp_lab.tables.form import Form

TEXT = np.dtypes.StringDType()
"""Strings of at most 15 bytes lie in the array itself: a million cells take 16 MB."""


@dataclasses.dataclass(frozen=True)
class Column:
    """The cells of a column: each different one once, and which of them is in which row.

    Attributes:
      name: its name.
      values: the different cells, in order of appearance: strings as they are in the file, or
        float64 or datetime64[us] from a source with types.
      codes: for each row the place in `values`; -1 where a source with types has no value.
    """

    name: str
    values: np.ndarray
    codes: np.ndarray

    @property
    def is_text(self) -> bool:
        return self.values.dtype == TEXT

    @property
    def is_time(self) -> bool:
        return self.values.dtype.kind == "M"

    def texts(self) -> list[str]:
        """The different cells as strings: whole numbers without a decimal point."""
        if self.is_text or self.is_time:
            return [str(value) for value in self.values.tolist()]
        return [number_text(value) for value in self.values.tolist()]

    def counts(self) -> np.ndarray:
        """How many rows have each of `values`."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    def compact(self) -> Column:
        """The column without values that no row has, as after `Table.take`."""
        used = self.counts() > 0
        if used.all():
            return self
        places = np.cumsum(used) - 1
        codes = np.where(self.codes >= 0, places[self.codes], -1).astype(np.int32)
        return Column(self.name, self.values[used], codes)

    def first_row(self, code: int) -> int:
        """The first row that has this value."""
        return int(np.argmax(self.codes == code))


def number_text(value: float) -> str:
    """The shortest spelling of a number: "3" for 3.0."""
    whole = abs(value) < 2**63 and value == int(value)
    return str(int(value)) if whole else repr(value)


@dataclasses.dataclass(frozen=True)
class Table:
    """Columns of equal length, and where they come from.

    Attributes:
      columns: by name, in order.
      rows: how many.
      source: what messages call it: the path, or "the DataFrame".
      option: the option that named it.
      lines: what was recognized when it was read, to be said.
      places: for each row its line in the file, or its number in the DataFrame.
      form: the form that the user gave.
    """

    columns: Mapping[str, Column]
    rows: int
    source: str
    places: np.ndarray = dataclasses.field(repr=False)
    in_file: bool = True
    option: str = "data"
    lines: Sequence[str] = ()
    form: Form = dataclasses.field(default_factory=Form)

    def __len__(self) -> int:
        return self.rows

    def column(self, name: str, option: str) -> Column:
        """A column by name.

        Raises:
          InputError: there is none; the message suggests one.
        """
        if name not in self.columns:
            names = list(self.columns)
            shown = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
            raise InputError(
                option,
                f"{self.source} has no column {name!r}{near_miss(name, names)}; it has {shown}",
            )
        return self.columns[name]

    def take(self, rows: np.ndarray) -> Table:
        """The table of some rows: places or a mask, such as the training part."""
        places = self.places[rows]
        columns = {
            name: dataclasses.replace(column, codes=column.codes[rows])
            for name, column in self.columns.items()
        }
        return dataclasses.replace(self, columns=columns, rows=len(places), places=places)

    def cells(self, name: str) -> list[str | None]:
        """All cells of a column as strings; None where a source with types has no value."""
        column = self.columns[name]
        texts = column.texts()
        return [texts[code] if code >= 0 else None for code in column.codes.tolist()]

    def place(self, row: int) -> str:
        """Where the user finds a row: "line 7"."""
        return f"{'line' if self.in_file else 'row'} {self.places[row]}"

    def where(self, column: Column, code: int) -> str:
        """Where the user finds the first cell with this value."""
        return f"column {column.name!r}, {self.place(column.first_row(code))}"

    def fault(self, problem: str) -> InputError:
        """The error that refuses the table."""
        return InputError(self.option, f"{self.source}: {problem}")
