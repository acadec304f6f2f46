"""Recognizes the kind of a column: number, category, date, or nothing to learn from."""

from __future__ import annotations

import re

import numpy as np

from mlp_lab.tables import layouts, numerals
from mlp_lab.tables.case import Case
from mlp_lab.tables.find_category import find_category, learnable
from mlp_lab.tables.find_date import find_date
from mlp_lab.tables.find_number import find_number, numbers_of, spelling_of
from mlp_lab.tables.ignored import Ignored
from mlp_lab.tables.number import Number
from mlp_lab.tables.numerals import Numerals, Spelling
from mlp_lab.tables.plan import Plan
from mlp_lab.tables.table import Table

KINDS = ("number", "category", "date", "dmy", "mdy", "ignore")
"""What the user can ask for; dmy and mdy are dates with the day or the month first."""

_FEW = 20  # different numbers that may be names
_FEW_WORDS = 5  # different words among numbers
_SOME, _MOSTLY = 0.2, 0.8  # shares of the cells
_CODES = 8  # most values of whole numbers below ten that are taken for categories
_ID = re.compile(
    r"(?:.*[_. -])?(?:id|ids|index|idx|uuid|guid|rownum|row|nr|no)|unnamed: ?[0-9]+|column1|#",
    re.IGNORECASE | re.ASCII,
)
_CAMEL_ID = re.compile(r".*[a-z0-9]I[dD]", re.ASCII)
_IN_ORDER = re.compile(r".*(?:year|month|day|time|date|hour|age|week).*", re.IGNORECASE)


def recognize(table: Table, name: str, asked: str, decimal: str | None) -> Plan:
    """What to do with a column, from the rows of the table, which are the training part.

    Args:
      asked: one of `KINDS`, or empty.
      decimal: the decimal mark of the table, where known.

    Raises:
      InputError: the cells are not of the kind asked for, or most are numbers or dates and some
        are not, or they have two readings; the message names the column and the line.
    """
    case = Case(table, table.columns[name].compact(), asked, decimal)
    if asked == "ignore":
        distinct = len(case.column.values)
        return Ignored(**case.common(case.absent(False)), reason="asked", distinct=distinct)
    absent = case.absent(True)
    if case.absent(False).all():
        return Ignored(**case.common(absent), reason="empty", distinct=0)
    if absent.all():
        # Words that mean missing among numbers only, and no numbers.
        return find_category(case) if asked else learnable(case, find_category(case))
    if asked == "number":
        return find_number(case, absent)
    if asked in ("date", "dmy", "mdy"):
        return find_date(case, absent, "" if asked == "date" else asked)
    if asked == "category":
        return find_category(case)
    return _open(case, absent)


def _open(case: Case, absent: np.ndarray) -> Plan:
    """The kind of a column for which the user asks nothing."""
    column = case.column
    if column.is_time:
        return find_date(case, absent, "")
    if not column.is_text:
        return _refined(case, find_number(case, absent), absent)
    found = numbers_if_any(case, absent)
    if found is not None:
        return _refined(case, find_number(case, absent, *found), absent)
    likely = layouts.likely(_texts(case, absent).tolist())
    if likely:
        return find_date(case, absent, likely[0])
    return learnable(case, find_category(case))


def _texts(case: Case, chosen: np.ndarray) -> np.ndarray:
    return np.array(case.column.texts(), object)[~chosen]


def numbers_if_any(case: Case, absent: np.ndarray) -> tuple[Spelling, np.ndarray] | None:
    """The numbers of a column's values, and how they are spelled; None if it holds no numbers.

    Raises:
      InputError: it holds numbers, but a few cells are none.
    """
    spelling = spelling_of(case, absent)
    if spelling.numerals is None:
        return None
    numbers = numbers_of(case, absent, spelling)
    counts = case.column.counts()
    fits = ~np.isnan(numbers)
    wrong = ~absent & ~fits
    if not wrong.any():
        return spelling, numbers
    known = counts[~absent].sum()
    share = counts[fits].sum() / known
    words = [numerals.unit_of(text) for text in _texts(case, ~wrong).tolist()]
    units = {unit for unit in words if unit is not None}
    if len(units) <= _FEW_WORDS:  # and not streets with the number of the house
        share += sum(counts[wrong][[unit is not None for unit in words]]) / known
    several = np.count_nonzero(fits) + len(words) - words.count(None) > _FEW
    few = share >= _SOME and np.count_nonzero(wrong) <= _FEW_WORDS
    if several and (share >= _MOSTLY or few):
        if layouts.likely(_texts(case, absent).tolist()):
            return None
        units = {unit for unit in units if unit != ("", "")}
        found = ", ".join(repr(" ".join(unit).strip()) for unit in sorted(units))
        case.refuse(wrong, "a number like most", f"units: {found}; " if units else "")
    return None


def _refined(case: Case, plan: Number, absent: np.ndarray) -> Plan:
    """Numbers that only name something: codes, ids; or that are always the same."""
    column, counts = case.column, case.column.counts()
    rows = int(counts[~absent].sum())
    texts = [text.strip() for text in _texts(case, absent).tolist()]
    whole = plan.numerals == Numerals() and all(text.lstrip("+-").isdigit() for text in texts)
    zeros = [text for text in texts if len(text) > 1 and text[0] == "0"]
    if whole and (zeros or max(map(len, texts)) > 15):
        why = (
            f"leading zeros ({zeros[0]!r})"
            if zeros
            else f"digits of {max(map(len, texts))}-digit codes"
        )
        return learnable(case, find_category(case, f"{why}: codes, not numbers"))
    if plan.distinct == 1 and plan.missing_rows == 0:
        return Ignored(**case.common(absent), reason="constant", distinct=1)
    if not whole or plan.distinct == 1:
        return plan
    if _all_dates(texts, rows):
        return find_date(case, absent, "compact")
    if plan.distinct == rows and rows >= 10 and not _IN_ORDER.fullmatch(column.name):
        dense = rows >= 50 and plan.high - plan.low < 2 * rows
        if dense or _ID.fullmatch(column.name) or _CAMEL_ID.fullmatch(column.name):
            return Ignored(**case.common(absent), reason="id", distinct=plan.distinct)
    if plan.low >= 0 and plan.high <= 9 and plan.distinct <= _CODES and rows >= 20 * plan.distinct:
        return find_category(
            case,
            f"whole numbers {plan.values()}: --columns='{column.name}:number' keeps their order",
        )
    return plan


def _all_dates(texts: list[str], rows: int) -> bool:
    """Whether whole numbers are dates such as 20200131."""
    if rows < 10 or any(len(text) != 8 or text[:2] not in ("19", "20") for text in texts):
        return False
    return bool(layouts.fits(texts, "compact").all())
