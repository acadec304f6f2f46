"""Where the records of a text start and end, and whether all have the same number of cells."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from mlp_lab.tables.dialect import Dialect

_BLOCK = 2**22
_LF, _CR, _SPACE = 10, 13, 32


class Malformed(ValueError):
    """The text is not made of records; the message says in which line, and what to do."""


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of a text, in order, blank ones included.

    Attributes:
      starts, ends: places of the first byte and after the last one.
      lines: the line on which each starts, counted from 1.
      widths: how many cells each has.
      blank: which have nothing but blanks.
    """

    starts: np.ndarray
    ends: np.ndarray
    lines: np.ndarray
    widths: np.ndarray
    blank: np.ndarray


def normalized(data: bytes, quote: str) -> bytes:
    """The text with a tab in place of each run of blanks, outside of quotes."""
    cell = re.escape(quote.encode()) + b"[^" + re.escape(quote.encode()) + b"]*" if quote else b"$."
    data = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", data)
    return re.sub(rb"(" + cell + rb")|[ \t]+", lambda m: m[1] if m[1] is not None else b"\t", data)


def scan(data: bytes, dialect: Dialect) -> Records:
    """Finds the records of a text.

    Raises:
      Malformed: a quote is inside a cell, or never closed.
    """
    text = np.frombuffer(data, np.uint8)
    mark = ord(dialect.quote) if dialect.quote else None
    ends, lines, widths = [], [], []
    inside = delimiters = breaks = 0  # before the block
    for start in range(0, len(text), _BLOCK):
        block = text[start : start + _BLOCK]
        following = text[start + 1 : start + 1 + len(block)]
        newline = block == _LF
        alone = block == _CR
        alone[: len(following)] &= following != _LF
        newline |= alone
        every = np.flatnonzero(newline)
        separates = block == ord(dialect.delimiter)
        if mark is not None:
            quotes = block == mark
            parity = (np.cumsum(quotes, dtype=np.uint8) + np.uint8(inside)) & 1
            places = np.flatnonzero(quotes)
            _check_quotes(data, text, places + start, parity[places], dialect)
            newline &= parity == 0
            separates &= parity == 0
            inside = int(parity[-1])
        last = np.flatnonzero(newline)
        ends.append(last + start)
        lines.append(np.searchsorted(every, last, "right") + breaks)
        between = np.flatnonzero(separates)
        widths.append(np.searchsorted(between, last) + delimiters)
        delimiters += len(between)
        breaks += len(every)
    if inside:
        raise Malformed(_unclosed(data, dialect.quote))
    every_end = np.concatenate([*ends, np.empty(0, np.int64)]).astype(np.int64)
    after = np.concatenate([*lines, np.empty(0, np.int64)]).astype(np.int64)
    before = np.concatenate([*widths, np.empty(0, np.int64)]).astype(np.int64)
    if len(text) and (not len(every_end) or every_end[-1] < len(text) - 1):
        every_end = np.append(every_end, len(text))
        after = np.append(after, breaks)
        before = np.append(before, delimiters)
    return _records(data, every_end, after, before)


def _records(data: bytes, ends: np.ndarray, after: np.ndarray, before: np.ndarray) -> Records:
    """Puts together what was found at the end of each record, counted from the start of the text.

    Args:
      after: lines that are complete behind the record.
      before: delimiters before its end.
    """
    starts = np.concatenate([[0], ends + 1])[: len(ends)]
    lines = np.concatenate([[0], after])[: len(ends)] + 1
    widths = np.diff(before, prepend=0) + 1
    blank = np.zeros(len(ends), bool)
    # In a table of one column, blanks are a cell; only an empty line is none.
    strip = b"\r" if widths.max(initial=1) == 1 else None
    for row in np.flatnonzero((ends - starts < 200) & (widths == 1)):
        blank[row] = not data[starts[row] : ends[row]].strip(strip)
    return Records(starts, ends, lines, widths, blank)


def _check_quotes(
    data: bytes, text: np.ndarray, places: np.ndarray, opens: np.ndarray, dialect: Dialect
) -> None:
    """Refuses quotes that do not enclose whole cells, which readers treat in different ways."""
    allowed = np.zeros(256, bool)
    allowed[[_LF, _CR, ord(dialect.delimiter), ord(dialect.quote)]] = True
    after = places[(opens == 0) & (places + 1 < len(text))]
    wrong = [after[~allowed[text[after + 1]]]]
    before = places[(opens == 1) & (places > 0)]
    if dialect.skip_blanks:
        allowed[_SPACE] = True
    wrong.append(before[~allowed[text[before - 1]]])
    first = min((int(found[0]) for found in wrong if len(found)), default=None)
    if first is not None:
        line = data.count(b"\n", 0, first) + 1
        raise Malformed(
            f"line {line} has a {dialect.quote} inside a cell; write it twice and the whole cell "
            "in quotes, or give --quote=none if quotes enclose no cells"
        )


def _unclosed(data: bytes, quote: str) -> str:
    line = data.count(b"\n", 0, data.rindex(quote.encode())) + 1
    return f"line {line} opens a {quote} that is never closed"


def check_widths(records: Records, first: int) -> None:
    """Refuses records of unequal length.

    Args:
      first: the record that gives the length.

    Raises:
      Malformed: the message names the first line that is different, and counts the others.
    """
    width = int(records.widths[first])
    wrong = np.flatnonzero((records.widths != width) & ~records.blank)
    if not len(wrong):
        return
    row = int(wrong[0])
    more = f" (and {len(wrong) - 1:,} more lines)" if len(wrong) > 1 else ""
    hint = "; correct the lines, or give another --delimiter or --quote"
    others = np.count_nonzero(~records.blank) - 1
    if len(wrong) == others and (records.widths[wrong] == width + 1).all():
        hint = "; line 1 lacks a name: of row names, or after a delimiter that ends the lines"
    raise Malformed(
        f"line {records.lines[row]} has {_cells(records.widths[row])}{more}, expected "
        f"{_cells(width)} as in line {records.lines[first]}{hint}"
    )


def _cells(count: int) -> str:
    count = int(count)
    return f"{count:,} cell" + "s" * (count != 1)
