"""Reads a column as numbers, or refuses it."""

from __future__ import annotations

import numpy as np

from mlp_lab.tables import numerals
from mlp_lab.tables.case import Case
from mlp_lab.tables.number import Number, read_numbers
from mlp_lab.tables.numerals import Numerals, Spelling
from mlp_lab.tables.table import number_text

_SENTINELS = (-9.0, -99.0, -999.0, -9999.0, -99999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)


def spelling_of(case: Case, absent: np.ndarray) -> Spelling:
    """How the numbers of a column are spelled."""
    if not case.column.is_text:
        return Spelling(Numerals())
    values = case.column.values[~absent]
    if case.decimal != "," and numerals.all_plain(values):
        return Spelling(Numerals())
    found = numerals.recognize(values.tolist(), case.decimal, loose=case.asked == "number")
    # Plain numbers are read faster.
    plain = found.numerals == Numerals(loose=True)
    return Spelling(Numerals(), found.ambiguous) if plain else found


def numbers_of(case: Case, absent: np.ndarray, spelling: Spelling) -> np.ndarray:
    if spelling.numerals is None:
        return np.full(len(case.column.values), np.nan)
    return read_numbers(case.column, absent, spelling.numerals)


def find_number(
    case: Case,
    absent: np.ndarray,
    spelling: Spelling | None = None,
    numbers: np.ndarray | None = None,
) -> Number:
    """The plan of a column whose cells are all numbers.

    Raises:
      InputError: one is not, or infinite, or has two readings.
    """
    spelling = spelling or spelling_of(case, absent)
    numbers = numbers_of(case, absent, spelling) if numbers is None else numbers
    infinite = np.isinf(numbers)
    if infinite.any():
        case.refuse(infinite, "a finite number")
    if (wrong := ~absent & np.isnan(numbers)).any():
        case.refuse(wrong, "a number")
    if spelling.ambiguous:
        texts = case.column.texts()
        code = next(code for code, text in enumerate(texts) if spelling.ambiguous in text)
        raise case.table.fault(
            f"{case.table.where(case.column, code)}: {texts[code]!r} may have thousands or "
            "decimals after its comma; give --decimal=point or --decimal=comma"
        )
    known = numbers[~absent]
    low, high, distinct = float(known.min()), float(known.max()), len(np.unique(known))
    spelled = spelling.numerals or Numerals()
    fields = case.common(absent, spelled.words(), *_number_notes(case, numbers))
    return Number(**fields, numerals=spelled, low=low, high=high, distinct=distinct)


def _number_notes(case: Case, numbers: np.ndarray) -> list[str]:
    """What to say about some numbers: a value that may mean missing, negative parentheses."""
    notes = []
    counts = case.column.counts()
    rows = counts[np.isfinite(numbers)].sum()
    order = np.unique(numbers[np.isfinite(numbers)])
    if len(order) > 10 and rows >= 20:
        for end, inner in ((0, order[1:]), (-1, order[:-1])):
            value, gap = order[end], abs(order[end] - order[1 if end == 0 else -2])
            times = int(counts[numbers == value].sum())
            if value in _SENTINELS and times > 1 and gap > inner.max() - inner.min():
                text = number_text(value)
                notes.append(
                    f"{text} occurs {times:,} times, far from the other numbers; "
                    f"give --missing={text} if it means missing"
                )
    if case.column.is_text:
        bracket = np.strings.find(case.column.values, "(") >= 0
        if bracket.any():
            notes.append(f"{counts[bracket].sum():,} numbers in parentheses are taken as negative")
    return notes
