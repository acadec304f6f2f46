"""The form of a task's targets: classes, labels or numbers, and reading them from any table."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from mlp_lab.errors import InputError, near_miss
from mlp_lab.tables.category import word_of
from mlp_lab.tables.number import read_numbers
from mlp_lab.tables.numerals import CONVENTIONS, Numerals
from mlp_lab.tables.plan import missing_values
from mlp_lab.tables.table import Column, Table

KINDS = ("classes", "labels", "indicators", "numbers")
INDICATORS = ({"0", "1"}, {"no", "yes"}, {"false", "true"}, {"n", "y"}, {"f", "t"}, {"-1", "1"})
_YES = {"1", "yes", "true", "y", "t"}


@dataclasses.dataclass(frozen=True)
class Targets:
    """The targets of some rows.

    Attributes:
      rows: places of the rows that have one.
      y: of these rows: classes as int64 ids [rows]; labels as float32 0 and 1 [rows, labels];
        numbers as float64 [rows, columns].
      left_out: how many rows have none.
    """

    rows: np.ndarray
    y: np.ndarray
    left_out: int


@dataclasses.dataclass(frozen=True)
class TargetForm:
    """How the targets of a task are read.

    Attributes:
      kind: "classes"; "labels", several in one cell; "indicators", a column of no and yes for
        each label; or "numbers".
      names: of the columns.
      classes: names of the classes or labels, in the order of their ids.
      separator: what separates labels.
      numeric: whether the classes are numbers, so that 1 and 1.0 are the same.
      numerals: how the numbers of each column are spelled.
      among_numbers: whether words that mean missing only among numbers do so here.
    """

    kind: str
    names: tuple[str, ...]
    classes: tuple[str, ...] = ()
    separator: str = ""
    numeric: bool = False
    numerals: tuple[Numerals, ...] = ()
    among_numbers: bool = False

    def encode(self, table: Table) -> Targets:
        """The targets of a table, also of one that was not trained on.

        Raises:
          InputError: a column is missing, no row has a target, a class was not trained, or a cell
            is not a number; the message names the line.
        """
        columns = [table.column(name, "target").compact() for name in self.names]
        gone = np.zeros(len(table), bool)
        absent = []
        for column in columns:
            absent.append(missing_values(column, table.form.missing, self.among_numbers))
            gone |= np.append(absent[-1], True)[column.codes]
        if gone.all():
            raise InputError("target", f"{table.source}: no row has a target")
        pairs = list(zip(columns, absent, strict=True))
        if self.kind == "numbers":
            y = [
                self._numbers(table, *pair, how)
                for pair, how in zip(pairs, self.numerals, strict=True)
            ]
        elif self.kind == "indicators":
            y = [self._indicator(table, *pair) for pair in pairs]
        else:
            read = self._classes if self.kind == "classes" else self._labels
            y = [read(table, *pairs[0])]
        values = y[0] if len(y) == 1 and self.kind in ("classes", "labels") else np.stack(y, axis=1)
        rows = np.flatnonzero(~gone)
        return Targets(rows, values[rows], int(gone.sum()))

    def _numbers(
        self, table: Table, column: Column, absent: np.ndarray, how: Numerals
    ) -> np.ndarray:
        numbers = read_numbers(column, absent, how)
        self._check(table, column, ~absent & ~np.isfinite(numbers), "a finite number")
        return np.append(numbers, np.nan)[column.codes]

    def _classes(self, table: Table, column: Column, absent: np.ndarray) -> np.ndarray:
        known = {name: place for place, name in enumerate(self.classes)}
        words = [word_of(text, self.numeric) for text in column.texts()]
        ids = np.array([known.get(word, -1) for word in words], np.int64)
        self._check(table, column, ~absent & (ids < 0), "a class that was trained")
        return np.append(ids, -1)[column.codes]

    def _labels(self, table: Table, column: Column, absent: np.ndarray) -> np.ndarray:
        known = {name: place for place, name in enumerate(self.classes)}
        y = np.zeros((len(column.values) + 1, len(known)), np.float32)
        wrong = np.zeros(len(column.values), bool)
        for code, text in enumerate(column.texts()):
            for label in (label.strip() for label in text.split(self.separator)):
                if label in known:
                    y[code, known[label]] = 1
                elif label and not absent[code]:
                    wrong[code] = True
        self._check(table, column, wrong, "a set of labels that were trained")
        return y[column.codes]

    def _indicator(self, table: Table, column: Column, absent: np.ndarray) -> np.ndarray:
        words = [word_of(text, True).casefold() for text in column.texts()]
        allowed = set().union(*INDICATORS)
        wrong = [word not in allowed for word in words]
        self._check(table, column, ~absent & np.array(wrong, bool), "0 or 1, no or yes")
        return np.array([word in _YES for word in words] + [False], np.float32)[column.codes]

    def _check(self, table: Table, column: Column, wrong: np.ndarray, what: str) -> None:
        if wrong.any():
            code = int(np.flatnonzero(wrong)[0])
            text = column.texts()[code]
            hint = near_miss(text, self.classes) if self.kind == "classes" else ""
            raise InputError(
                "target",
                f"{table.source}: {table.where(column, code)}: {text[:60]!r} is not {what}{hint}",
            )

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Any, source: str = "the target") -> TargetForm:
        """Reads what `to_dict` gave, from a file that may be damaged.

        Raises:
          InputError: it has another form.
        """
        try:
            if set(data) != {field.name for field in dataclasses.fields(cls)}:
                raise ValueError("other fields")
            spelled = tuple(Numerals(**one) for one in data["numerals"])
            texts = [data["kind"], data["separator"], *data["names"], *data["classes"]]
            for one in spelled:
                texts += [one.before, one.after]
                if (one.decimal, one.thousands) not in CONVENTIONS:
                    raise ValueError("unknown spelling of numbers")
            if not all(isinstance(text, str) for text in texts):
                raise ValueError("not strings")
            names, classes = tuple(data["names"]), tuple(data["classes"])
            numbers = data["kind"] == "numbers"
            fits = (
                len(spelled) == len(names)
                if numbers
                else len(classes) > (data["kind"] == "classes")
            )
            if data["kind"] not in KINDS or not names or not fits:
                raise ValueError("kind, names and classes do not fit")
            if len(set(names)) < len(names) or len(set(classes)) < len(classes):
                raise ValueError("a name comes twice")
            if data["kind"] == "labels" and len(data["separator"]) != 1:
                raise ValueError("no separator")
            flags = bool(data["numeric"]), spelled, bool(data["among_numbers"])
            return cls(data["kind"], names, classes, data["separator"], *flags)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                "", f"{source} is not a form of targets ({str(error)[:200]})"
            ) from None
