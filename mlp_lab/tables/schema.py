"""What is done with each column of a table: made from the training part, used for all data."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlp_lab.errors import InputError, near_miss
from mlp_lab.tables import numerals
from mlp_lab.tables.form import Form
from mlp_lab.tables.ignored import Ignored
from mlp_lab.tables.kinds import recognize
from mlp_lab.tables.missing import is_missing
from mlp_lab.tables.overrules import check_names, parse_columns
from mlp_lab.tables.plan import Input, Plan, Strange, counted
from mlp_lab.tables.reading import read
from mlp_lab.tables.table import Table

_MOST_WORDS = 20
_TO_LOOK_AT = 300  # different cells of a column, for the decimal mark


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A table as the model gets it, and what is strange about it.

    Attributes:
      x: float64 [rows, inputs].
      strange: cells that are unseen, or not what their column holds, by column.
      further: columns that the schema does not know; they are not used.
      unused_to_missing: columns with missing values that had none in the training part.
    """

    x: np.ndarray
    strange: Sequence[Strange]
    further: Sequence[str]
    newly_missing: Mapping[str, int]

    def lines(self) -> list[str]:
        """All of it in words; empty if nothing is strange."""
        lines = [str(strange) for strange in self.strange]
        if self.further:
            shown = ", ".join(map(repr, self.further[:5]))
            more = f" and {len(self.further) - 5:,} others" if len(self.further) > 5 else ""
            lines.append(f"columns that are not in the schema, not used: {shown}{more}")
        if self.newly_missing:
            shown = counted(self.newly_missing)
            lines.append(f"missing values in columns that had none in training: {shown}")
        return lines


@dataclasses.dataclass(frozen=True)
class Schema:
    """What is done with each column.

    Attributes:
      plans: in the order of the table's columns.
      rows: how many rows of the training part it was made from.
      outside: columns that it leaves to others: the targets, a group.
      missing: what the user gave as missing, beside the words that always are.
    """

    plans: tuple[Plan, ...]
    rows: int
    outside: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        table: Table,
        outside: Sequence[str] = (),
        columns: str | Mapping[str, str] = "",
    ) -> Schema:
        """The schema of a table that holds the rows of the training part only.

        Args:
          outside: columns that are not inputs, such as the targets.
          columns: kinds that overrule what is recognized, `"age:number,zip:category"` or a dict.

        Raises:
          InputError: a column is not of the kind asked for or cannot be read without guessing, or
            none is left to learn from; one line with the column and the first cell.
        """
        asked = parse_columns(columns) if isinstance(columns, str) else dict(columns)
        check_names(asked, list(table.columns), table.source)
        for name in outside:
            if name in asked:
                raise InputError("columns", f"column {name!r} is not an input; leave it out")
        names = [name for name in table.columns if name not in outside]
        decimal = table.form.decimal or numerals.decimal_mark(samples(table, list(table.columns)))
        plans = tuple(recognize(table, name, asked.get(name, ""), decimal) for name in names)
        schema = cls(plans, len(table), tuple(outside), table.form.missing)
        if not schema.inputs:
            why = ", ".join(f"{plan.name} ({plan.done()})" for plan in plans[:5]) or "none is there"
            raise table.fault(f"no column is left to learn from: {why}; --columns overrules")
        return schema

    @property
    def inputs(self) -> list[Input]:
        """The columns of the encoded array, in order."""
        return [column for plan in self.plans for column in plan.inputs()]

    def encode(self, data: Any, option: str = "data") -> Encoded:
        """The numbers for a table's rows.

        Columns are found by name, in any order; what the training part did not have is answered:
        a new category is "unseen", a cell that is not a number or date counts as missing, and all
        of it is reported.

        Args:
          data: a `Table`, a DataFrame or a path.

        Raises:
          InputError: a column is missing; the message suggests one.
        """
        table = data if isinstance(data, Table) else read(data, Form(missing=self.missing), option)
        used = [plan for plan in self.plans if not isinstance(plan, Ignored)]
        absent = [plan.name for plan in used if plan.name not in table.columns]
        if absent:
            known = {plan.name for plan in self.plans} | set(self.outside)
            free = [name for name in table.columns if name not in known]
            more = f" and {len(absent) - 1:,} more" if len(absent) > 1 else ""
            raise InputError(
                table.option,
                f"{table.source} has no column {absent[0]!r}{near_miss(absent[0], free)}{more}; "
                f"expected {', '.join(repr(plan.name) for plan in used)}",
            )
        pieces, strange, newly = [], [], {}
        for plan in used:
            column = table.columns[plan.name].compact()
            values, wrong = plan.encode(column, self.missing + table.form.missing)
            pieces.append(values)
            if wrong.any():
                strange.append(_strange(plan, table, wrong))
            gone = np.count_nonzero(
                np.isnan(values[:, 0]) | (values[:, 0] == 0) & _is_category(plan)
            )
            gone -= strange[-1].rows if wrong.any() and not _is_category(plan) else 0
            if gone and not plan.missing_rows:
                newly[plan.name] = int(gone)
        known = {plan.name for plan in self.plans} | set(self.outside)
        further = [name for name in table.columns if name not in known]
        return Encoded(np.concatenate(pieces, axis=1), strange, further, newly)

    def lines(self) -> list[str]:
        """What was converted, removed or is doubtful, a line for each."""
        return [f"column {plan.name!r}: {note}" for plan in self.plans for note in plan.notes]

    def __str__(self) -> str:
        """A table of all columns for the console."""
        rows = [("column", "kind", "missing", "values", "becomes")]
        for plan in self.plans:
            share = f"{plan.missing_rows / max(self.rows, 1):.1%}" if plan.missing_rows else ""
            words = f" ({counted(plan.missing, _MOST_WORDS)})" if plan.missing_rows else ""
            kind = plan.kind + (" (asked)" if plan.asked and plan.kind != "ignored" else "")
            rows.append((_short(plan.name), kind, share + words, plan.values(), plan.done()))
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows)


def _short(name: str) -> str:
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    return shown if len(shown) <= 30 else shown[:29] + "…"


def _is_category(plan: Plan) -> bool:
    return plan.kind == "category"


def _strange(plan: Plan, table: Table, wrong: np.ndarray) -> Strange:
    column = table.columns[plan.name].compact()
    counts, texts = column.counts(), column.texts()
    codes = np.flatnonzero(wrong)
    rows = np.isin(column.codes, codes)
    cells: dict[str, int] = {}
    for code in codes.tolist():
        cells[texts[code].strip()] = cells.get(texts[code].strip(), 0) + int(counts[code])
    return Strange(plan.name, plan.what_is_strange, cells, table.place(int(np.argmax(rows))))


def samples(table: Table, names: list[str]) -> list[list[str]]:
    """Some different cells of each column of text, without those that mean missing."""
    found = []
    for name in names:
        column = table.columns[name]
        if column.is_text:
            some = itertools.islice(column.values.tolist(), _TO_LOOK_AT)
            found.append([text for text in some if not is_missing(text, table.form.missing, True)])
    return found
