"""Splits rows into a training and a test part."""

from __future__ import annotations

import dataclasses
import fractions

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tables import layouts
from mlp_lab.tables.date import Date, read_times
from mlp_lab.tables.hashing import hashes, key
from mlp_lab.tables.kinds import recognize
from mlp_lab.tables.number import Number, read_numbers
from mlp_lab.tables.plan import missing_values
from mlp_lab.tables.table import Column, Table


@dataclasses.dataclass(frozen=True)
class Split:
    """Two parts of some rows.

    Attributes:
      train, test: the places of the rows, ascending.
      how: how they were chosen, in words, for the record of a run.
    """

    train: np.ndarray
    test: np.ndarray
    how: str


def split(
    rows: int,
    test: float = 0.2,
    seed: int = 0,
    stratify: np.ndarray | None = None,
    purpose: str = "test",
) -> Split:
    """Splits rows by a hash of the seed and the row.

    Of every 1 / `test` rows in a row (of each class), one is chosen by the hash. So both parts have
    their share of every class and of every stretch of the file, exact up to one row; the parts
    depend on nothing but the arguments; and rows that are appended change no earlier one's part.

    Args:
      rows: how many rows there are.
      test: share of the test part, between 0 and 1.
      seed: another seed chooses other rows.
      stratify: the class of each row.
      purpose: another purpose chooses other rows; so a validation part is independent of the
        test part.

    Raises:
      InputError: the share is not between 0 and 1, or leaves a part empty.
    """
    share = _share(test)
    if stratify is None:
        groups, within = np.zeros(rows, np.int64), np.arange(rows)
    else:
        groups, within = _within(np.asarray(stratify))
    chosen = _chosen(groups, within, share, key("rows", purpose, seed))
    how = f"{_percent(test)} of the rows by a hash of seed {seed} and the row"
    if stratify is not None:
        how += f", of each of {int(groups.max(initial=-1)) + 1:,} classes"
    return _parts(chosen, how, f"{rows:,} rows")


def split_by_group(
    table: Table, name: str, test: float = 0.2, seed: int = 0, purpose: str = "test"
) -> Split:
    """Splits so that rows with the same value in a column are in the same part.

    Groups are chosen like rows in `split`, in their order of appearance.

    Raises:
      InputError: there is no such column, a row has no value in it, or it has one value only.
    """
    share = _share(test)
    column = _complete(table, name, "group")
    texts = [text.strip() for text in column.texts()]
    groups, _ = _within(np.array(texts, object)[column.codes])
    count = int(groups.max()) + 1
    if count < 2:
        raise InputError("group", f"column {name!r} has the same value in all rows")
    start, places = key("groups", purpose, seed), np.arange(count)
    chosen = _chosen(np.zeros(count, np.int64), places, share, start)
    if chosen.all() or not chosen.any():
        chosen = places == np.argmin(hashes(np.full(count, start, np.uint64), places))
    parts = chosen[groups]
    how = (
        f"{int(chosen.sum()):,} of {count:,} groups of column {name!r} by a hash of seed {seed}: "
        f"{parts.mean():.1%} of the rows"
    )
    return _parts(parts, how, f"{count:,} groups")


def split_by_time(table: Table, name: str, test: float = 0.2, asked: str = "") -> Split:
    """Splits so that the test part is what comes last; rows of the same time stay together.

    Args:
      name: a column of dates or numbers.
      asked: the kind that the user gives the column: number, date, dmy or mdy.

    Raises:
      InputError: there is no such column, a row has no value in it, a cell is neither a date nor a
        number, or all are the same.
    """
    share = _share(test)
    column = _complete(table, name, "time")
    times = _times(table, column, asked)
    ordered = np.sort(times)
    if ordered[0] == ordered[-1]:
        raise InputError("time", f"column {name!r} has the same value in all rows")
    cut = ordered[len(ordered) - max(1, round(float(share) * len(ordered)))]
    if cut == ordered[0]:
        cut = ordered[ordered > cut][0]
    parts = times >= cut
    first = column.texts()[column.codes[int(np.argmax(times == cut))]].strip()
    how = f"the last {parts.mean():.1%} of the rows by column {name!r}, from {first!r}"
    return _parts(parts, how, f"{len(table):,} rows")


def _times(table: Table, column: Column, asked: str) -> np.ndarray:
    """Numbers in the order of a column's dates or numbers."""
    absent = np.zeros(len(column.values), bool)
    if not asked:
        dates = column.is_time or (column.is_text and bool(layouts.likely(column.texts())))
        asked = "date" if dates else "number"
    plan = recognize(table, column.name, asked, table.form.decimal)
    times: np.ndarray
    if isinstance(plan, Date):
        times = read_times(column, absent, plan.layout, plan.zoned).astype(np.int64)
    elif isinstance(plan, Number):
        times = read_numbers(column, absent, plan.numerals)
    else:  # always the same
        times = np.zeros(len(column.values))
    return times[column.codes]


def _complete(table: Table, name: str, option: str) -> Column:
    """A column in which no value is missing."""
    column = table.column(name, option).compact()
    absent = missing_values(column, table.form.missing, False)
    rows = np.append(absent, True)[column.codes]
    if rows.any():
        raise InputError(
            option,
            f"column {name!r} has no value in {rows.sum():,} rows "
            f"(first: {table.place(int(np.argmax(rows)))}); remove them",
        )
    return column


def _share(test: float) -> fractions.Fraction:
    if not (isinstance(test, int | float) and 0 < test < 1):
        raise InputError("test_split", f"expected a share between 0 and 1, got {test!r}")
    # As it is written: 0.1 is a tenth.
    return fractions.Fraction(repr(float(test))).limit_denominator(10**6)


def _within(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The group of each row, in order of appearance, and the row's place in its group."""
    if labels.dtype == object:
        known: dict[object, int] = {}
        groups = np.array([known.setdefault(label, len(known)) for label in labels.tolist()])
    else:
        _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
        groups = np.argsort(np.argsort(first))[codes.reshape(-1)]
    order = np.argsort(groups, kind="stable")
    counts = np.bincount(groups)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    within = np.empty(len(groups), np.int64)
    within[order] = np.arange(len(groups)) - starts
    return groups, within


def _chosen(
    groups: np.ndarray, within: np.ndarray, share: fractions.Fraction, start: int
) -> np.ndarray:
    """Chooses one place of each interval [ceil(k / share), ceil((k + 1) / share)) by its hash."""
    if share > fractions.Fraction(1, 2):
        return ~_chosen(groups, within, 1 - share, start)
    p, q = share.numerator, share.denominator
    interval = within * p // q  # the k with ceil(k q / p) <= within
    low, high = -(-interval * q // p), -(-(interval + 1) * q // p)
    keys = hashes(np.full(len(groups), start, np.uint64), groups)
    offset = hashes(keys, interval) % (high - low).astype(np.uint64)
    return within - low == offset.astype(np.int64)


def _percent(share: float) -> str:
    return f"{100 * share:g}%"


def _parts(chosen: np.ndarray, how: str, what: str) -> Split:
    train, test = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    if not len(train) or not len(test):
        part = "training" if not len(train) else "test"
        raise InputError("test_split", f"{what} are too few: the {part} part would be empty")
    return Split(train, test, how)
