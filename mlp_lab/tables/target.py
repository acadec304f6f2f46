"""The columns that a model learns to predict: what they hold, before a task is chosen."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tables.case import Case
from mlp_lab.tables.category import count_words, natural, word_of
from mlp_lab.tables.find_number import find_number
from mlp_lab.tables.kinds import numbers_if_any
from mlp_lab.tables.numerals import Numerals, decimal_mark
from mlp_lab.tables.plan import counted, missing_values
from mlp_lab.tables.schema import samples
from mlp_lab.tables.table import Table
from mlp_lab.tables.target_form import INDICATORS, TargetForm

SEPARATORS = "|;,"
"""What may separate the labels in a cell."""


@dataclasses.dataclass(frozen=True)
class TargetColumn:
    """What one target column holds, in the rows that have a target.

    Attributes:
      name: of the column.
      numerals: how its numbers are spelled; None if it does not hold numbers only.
      whole: whether all are whole numbers.
      distinct: how many different values it has.
      words: how many rows have which value, as a word.
      numeric_words: whether the words are numbers, so that 1 and 1.0 are the same.
      indicator: whether the words are no and yes, 0 and 1, or the like.
      notes: what was converted, to be said.
    """

    name: str
    numerals: Numerals | None
    whole: bool
    distinct: int
    words: Mapping[str, int]
    numeric_words: bool
    indicator: bool
    notes: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        return self.numerals is not None


@dataclasses.dataclass(frozen=True)
class Target:
    """The target columns of a table.

    Attributes:
      names: of the columns.
      columns: what each holds.
      rows: places of the rows that have a value in all of them.
      left_out: how many rows do not.
      separator: what separates several labels in each cell of the only column; empty if nothing.
    """

    names: tuple[str, ...]
    columns: tuple[TargetColumn, ...]
    rows: np.ndarray
    left_out: int
    separator: str
    table: Table = dataclasses.field(repr=False)

    @property
    def numeric(self) -> bool:
        """Whether all columns hold numbers only."""
        return all(column.numeric for column in self.columns)

    def lines(self) -> list[str]:
        """What was converted or left out, a line for each."""
        lines = [f"target {c.name!r}: {note}" for c in self.columns for note in c.notes if note]
        if self.left_out:
            lines.append(f"{self.left_out:,} rows have no target and are left out")
        return lines

    def as_classes(self) -> TargetForm:
        """One of several classes, in natural order: no before yes, 2 before 10.

        Raises:
          InputError: there are several columns, or a class has fewer than two rows.
        """
        column = self._only("classes")
        single = [word for word, count in column.words.items() if count < 2]
        if single:
            raise InputError("target", self._single(column, single))
        classes = tuple(sorted(column.words, key=natural))
        return TargetForm(
            "classes",
            self.names,
            classes,
            numeric=column.numeric_words,
            among_numbers=column.numeric,
        )

    def as_numbers(self) -> TargetForm:
        """A number for each column.

        Raises:
          InputError: a cell is not a number; the message names the first.
        """
        for column in self.columns:
            if column.numerals is None:
                find_target(self.table.take(self.rows), column.name, "numbers")  # refuses it
        spelled = tuple(column.numerals or Numerals() for column in self.columns)
        return TargetForm("numbers", self.names, numerals=spelled, among_numbers=True)

    def as_labels(self, separator: str = "") -> TargetForm:
        """Any of several labels: separated in the cells of one column, or one column for each.

        Args:
          separator: what separates them; empty takes what was recognized.

        Raises:
          InputError: a column of several is not of the form no and yes, or a label is in all rows,
            or in fewer than two.
        """
        if len(self.columns) > 1:
            for column in self.columns:
                if not column.indicator:
                    raise InputError(
                        "target",
                        f"column {column.name!r} has {counted(column.words)}; for several labels "
                        "each column holds 0 and 1, no and yes, or false and true",
                    )
            return TargetForm("indicators", self.names, self.names)
        separator = separator or self.separator
        if not separator:
            raise InputError(
                "target",
                f"column {self.names[0]!r} has no labels separated by one of {SEPARATORS}; for one "
                "class in each row use --task=classes",
            )
        labels = label_counts(self.columns[0].words, separator)
        rows = len(self.rows)
        for label, count in labels.items():
            if not 2 <= count < rows:
                where = "all rows" if count == rows else "one row only"
                raise InputError(
                    "target", f"column {self.names[0]!r}: label {label!r} is in {where}"
                )
        order = tuple(sorted(labels, key=natural))
        return TargetForm("labels", self.names, order, separator=separator)

    def _only(self, task: str) -> TargetColumn:
        if len(self.columns) > 1:
            raise InputError(
                "target", f"{task} need one target column, got {', '.join(self.names)}"
            )
        return self.columns[0]

    def _single(self, column: TargetColumn, words: list[str]) -> str:
        kept = self.table.take(self.rows)
        cells = kept.cells(column.name)
        row = next(
            r for r, c in enumerate(cells) if word_of(c or "", column.numeric_words) == words[0]
        )
        more = f", and {len(words) - 1:,} other classes too" if len(words) > 1 else ""
        hint = "; --task=numbers if it is a number" if column.numeric else ""
        return (
            f"column {column.name!r}: class {words[0][:60]!r} has one row "
            f"({kept.place(row)}){more}; expected at least two; remove the row or merge the "
            f"class with another{hint}"
        )


def find_target(table: Table, names: str | Sequence[str], task: str = "") -> Target:
    """What the target columns hold.

    Args:
      names: a column or several.
      task: "classes", "binary", "labels" or "numbers", if the user says so; the cells are then
        taken for words or numbers.

    Raises:
      InputError: there is no such column, it has no value or the same in all rows, or most cells
        are numbers and some are not.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names:
        raise InputError("target", "expected the name of a column")
    if len(set(names)) < len(names):
        raise InputError("target", f"a column comes twice in {', '.join(names)}")
    for name in names:
        table.column(name, "target")
    decimal = table.form.decimal or decimal_mark(samples(table, list(table.columns)))
    absent = np.zeros(len(table), bool)
    for name in names:
        absent |= _absent_rows(table, name, task, decimal)
    rows = np.flatnonzero(~absent)
    if not len(rows):
        what = (
            "no row has a value in all of them" if len(names) > 1 else "it has no value in any row"
        )
        raise InputError("target", f"{', '.join(map(repr, names))}: {what}")
    kept = table.take(rows)
    columns = tuple(_target_column(kept, name, task, decimal) for name in names)
    for column in columns:
        if column.distinct < 2:
            word = next(iter(column.words))
            raise InputError(
                "target", f"column {column.name!r} is {word[:60]!r} in all rows; nothing to learn"
            )
    only = columns[0] if len(columns) == 1 and not columns[0].numeric else None
    separator = find_separator(only.words) if only else ""
    return Target(names, columns, rows, len(table) - len(rows), separator, table)


def _absent_rows(table: Table, name: str, task: str, decimal: str | None) -> np.ndarray:
    """Which rows have no value."""
    case = _case(table, name, task, decimal)
    absent = case.absent(True)
    if not absent.all() and (
        task in ("classes", "binary", "labels") or numbers_if_any(case, absent) is None
    ):
        absent = case.absent(False)
    return np.append(absent, True)[case.column.codes]


def _case(table: Table, name: str, task: str, decimal: str | None) -> Case:
    column = table.columns[name].compact()
    return Case(table, column, "number" if task == "numbers" else "", decimal, is_target=True)


def _target_column(kept: Table, name: str, task: str, decimal: str | None) -> TargetColumn:
    case = _case(kept, name, task, decimal)
    column = case.column
    if column.is_time:
        raise InputError("target", f"column {name!r} holds dates; expected classes or numbers")
    absent = missing_values(column, kept.form.missing, False)
    words, numeric_words = count_words(column, absent)
    indicator = len(words) == 2 and {word.casefold() for word in words} in INDICATORS
    found = None
    if task not in ("classes", "binary", "labels"):
        found = numbers_if_any(case, absent)
        if found is None and task == "numbers":
            find_number(case, absent)  # refuses it, with the first cell
    distinct, spelled, whole = len(words), None, False
    notes: tuple[str, ...] = ()
    if found is not None:
        plan = find_number(case, absent, *found)
        known = found[1][~absent]
        spelled, distinct, notes = plan.numerals, plan.distinct, plan.notes
        whole = bool((known == np.floor(known)).all())
    return TargetColumn(name, spelled, whole, distinct, words, numeric_words, indicator, notes)


def find_separator(words: Mapping[str, int]) -> str:
    """What separates several labels in the cells of a column; empty if nothing does.

    It is in a fifth of the rows, and the labels are not more than the different cells.
    """
    rows = sum(words.values())
    for separator in SEPARATORS:
        several = sum(count for word, count in words.items() if separator in word)
        labels = label_counts(words, separator)
        short = all(len(label) <= 40 for label in labels)
        if (
            several >= 0.2 * rows
            and short
            and len(labels) <= len(words)
            and len(labels) <= rows / 2
        ):
            return separator
    return ""


def label_counts(words: Mapping[str, int], separator: str) -> dict[str, int]:
    """How many rows have which label."""
    labels: collections.Counter[str] = collections.Counter()
    for word, count in words.items():
        for label in {label.strip() for label in word.split(separator)} - {""}:
            labels[label] += count
    return dict(labels)
