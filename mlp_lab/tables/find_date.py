"""Reads a column as dates, or refuses it."""

from __future__ import annotations

import numpy as np

from mlp_lab.tables import date, layouts
from mlp_lab.tables.case import Case
from mlp_lab.tables.ignored import Ignored
from mlp_lab.tables.plan import Plan


def find_date(case: Case, absent: np.ndarray, layout: str) -> Plan:
    """The plan of a column whose cells are all dates.

    Raises:
      InputError: one is not a date, or day and month cannot be told apart.
    """
    column = case.column
    texts = np.array(column.texts(), object)[~absent].tolist()
    notes, zoned = [], False
    if not column.is_time:
        found = layouts.likely(texts)
        if not layout or layout in ("dmy", "mdy"):
            layout = layout if case.asked in ("dmy", "mdy") else (found[0] if found else "ymd")
            if {"dmy", "mdy"} <= set(found) and case.asked not in ("dmy", "mdy"):
                code = int(np.flatnonzero(~absent)[0])
                raise case.table.fault(
                    f"{case.table.where(column, code)}: {texts[0]!r} may begin with the day or the "
                    f"month; give --columns='{column.name}:dmy' or '{column.name}:mdy'"
                )
        zoned = sum(layouts.is_zoned(text, layout) for text in texts[:100]) * 2 > len(texts[:100])
        notes.append(f"dates as {layouts.WORDS[layout]}" + (", taken in UTC" if zoned else ""))
    times = date.read_times(column, absent, layout, zoned)
    wrong = ~absent & np.isnat(times)
    if wrong.any():
        words = f"a date written as {layouts.WORDS[layout]}" if layout else "a date"
        case.refuse(wrong, words + (" with an offset from UTC" if zoned else ""))
    known = times[~absent]
    parts = date.varying_parts(times, layout == "clock")
    if not parts:
        return Ignored(**case.common(absent), reason="constant", distinct=1)
    low, high = (str(t).removesuffix(".000000") for t in (known.min(), known.max()))
    fields = case.common(absent, *notes)
    return date.Date(
        **fields,
        layout=layout,
        zoned=zoned,
        parts=parts,
        low=low,
        high=high,
        distinct=len(np.unique(known)),
    )
