"""Recognizes how a text file is written: what separates cells, quotes them, names columns."""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import itertools
import re
from typing import Any

from mlp_lab.tables import missing, numerals
from mlp_lab.tables.form import Form

_SAMPLE = 2**18
# A file with semicolons and decimal commas has as many commas, but not the other way around.
_CANDIDATES = "\t;|,"
_SEP = re.compile(rb'"?sep=(.)"?[ \t]*\r?\n', re.IGNORECASE)
_END = re.compile(rb"\r\n|\n|\r")


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How cells are written.

    Attributes:
      delimiter: one character; a blank stands for any run of blanks and tabs.
      quote: the character that encloses cells; empty if none does.
      skip_blanks: whether blanks after a delimiter belong to it.
    """

    delimiter: str
    quote: str
    skip_blanks: bool = False

    def cells(self, record: bytes) -> list[str]:
        """The cells of one record."""
        options: dict[str, Any] = {"quoting": csv.QUOTE_NONE}
        if self.quote:
            options = {"quotechar": self.quote}
        text = io.StringIO(record.decode("utf-8"), newline="")
        return next(
            csv.reader(
                text, delimiter=self.delimiter, skipinitialspace=self.skip_blanks, **options
            ),
            [],
        )


def announced(data: bytes) -> tuple[bytes, str | None]:
    """The text after a first line `sep=;`, as Excel reads it, and the delimiter it gives."""
    match = _SEP.match(data)
    return (data[match.end() :], match[1].decode("latin-1")) if match else (data, None)


def recognize(data: bytes, form: Form) -> Dialect:
    """The dialect of a text: what the form says, else what fits its first lines."""
    sample = data[:_SAMPLE]
    if len(data) > _SAMPLE:
        sample = sample[: max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1] or sample
    quote = form.quote if form.quote is not None else _quote(data, form.delimiter)
    lines = _lines(sample, quote)
    delimiter = form.delimiter or _delimiter(lines)
    if quote and form.quote is None and not _quote(data, delimiter):
        # Quotes after what only seemed to separate cells.
        quote, lines = "", _lines(sample, "")
        delimiter = form.delimiter or _delimiter(lines)
    if delimiter == " ":
        return Dialect(delimiter, quote)
    places = re.findall(re.escape(delimiter.encode()) + rb"(.?)", b"\n".join(lines))
    skip = bool(places) and delimiter != "\t" and all(after == b" " for after in places)
    return Dialect(delimiter, quote, skip)


def _lines(sample: bytes, quote: str) -> list[bytes]:
    """Lines that are not blank, without what is in quotes."""
    if quote:
        mark = re.escape(quote.encode())
        sample = re.sub(mark + b"[^" + mark + b"]*" + mark, b"Q", sample)
    return [line for line in _END.split(sample) if line.strip()]


def _quote(data: bytes, delimiter: str | None) -> str:
    """The character that cells start with, anywhere in the text."""
    before = re.escape((delimiter or _CANDIDATES + " ").encode())
    if b'"' in data and re.search(rb"(?:\A|[\n\r" + before + rb'])[ \t]*"', data):
        return '"'
    # An apostrophe may start a word; as a quote it encloses whole cells, those of line 1 too.
    first = _END.split(data[:_SAMPLE].lstrip(), maxsplit=1)[0]
    cell = rb"'[^'\n\r]*'"
    if re.fullmatch(rb"(" + cell + rb"|[^'])*", first) and re.match(
        cell + rb"[ \t]*([" + before + rb"]|\Z)", first
    ):
        return "'"
    return ""


def _delimiter(lines: list[bytes]) -> str:
    """The character that splits most lines into as many cells as the first; "," if none does."""
    best, most = "", 0.0
    for candidate in _CANDIDATES:
        counts = [line.count(candidate.encode()) for line in lines]
        if not counts or not max(counts):
            continue
        usual, times = collections.Counter(counts).most_common(1)[0]
        share = times / len(counts) if usual else 0.0
        if share == 1:
            return candidate
        if share > max(most, 0.5 if counts[0] else 0.9):
            best, most = candidate, share
    widths = {len(line.split()) for line in lines}
    if len(widths) == 1 and max(widths) > 1 and most < 0.9:
        return " "
    return best or next((c for c in _CANDIDATES if lines and c.encode() in lines[0]), ",")


def has_names(first: list[str], rows: list[list[str]]) -> tuple[bool, str]:
    """Whether the first record has the names of the columns.

    Returns:
      The answer, and the first cell that speaks against names, with its column.
    """
    below = [[row[place].strip() for row in rows] for place in range(len(first))]
    names, against = 0, ""
    numbers = [text for text in map(str.strip, first) if numerals.is_number(text)]
    counting = len(numbers) > 1 and _count(numbers)
    for place, text in enumerate(map(str.strip, first)):
        known = [cell for cell in below[place] if cell and not missing.is_missing(cell)]
        numeric = sum(map(numerals.is_number, known)) > 0.8 * len(known) if known else False
        if numerals.is_number(text):
            speaks = not counting and (numeric or not known)
        else:
            names += numeric and not missing.is_missing(text)
            speaks = len(known) > 1 and known.count(text) > 0
        if speaks and not against:
            against = f"{text!r} in column {place + 1}"
    return (not against or (names > 0 and len(numbers) == 0)), against


def _count(numbers: list[str]) -> bool:
    """Whether the numbers count on, as years, numbered columns or wavelengths do."""
    if not all(text.isdigit() for text in numbers):
        return False
    values = [int(text) for text in numbers]
    steps = {after - before for before, after in itertools.pairwise(values)}
    return len(steps) == 1 and (steps == {1} or (len(values) > 2 and min(steps) > 0))
