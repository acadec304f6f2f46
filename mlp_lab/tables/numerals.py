"""How the numbers of a column are spelled, and reading them."""

from __future__ import annotations

import collections
import dataclasses
import re

import numpy as np

from mlp_lab.tables.table import TEXT

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MONEY = (
    r"US\$|R\$|A\$|C\$|[$€£¥₹₽₩₺฿]|Rs\.?|kr\.?|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|"
    r"CZK|HUF|RUB|BRL|MXN|ZAR|KRW|TRY"
)
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?) ?(?P<before>{_MONEY})? ?(?P<sign2>[+-]?)"
    r"(?P<body>[0-9](?:[0-9.,' ]*[0-9])?[.,]?|[.,][0-9]+)(?P<exponent>[eE][+-]?[0-9]+)?"
    r" ?(?P<after>[^\W\d_][\w/°²³%^.* -]{0,14}|[%‰°$€£¥₹₽][\w/]{0,6})?(?P<close>\))?"
)
_DOLLARS = ("$", "US$", "A$", "C$", "£", "¥", "₹", "USD", "GBP", "JPY", "INR", "CAD", "AUD")
_MOST_CHARACTERS = 60
_TO_LOOK_AT = 1000
# Minus, blanks that do not break, apostrophe.
_TYPESET = str.maketrans("\u2212\u00a0\u202f\u2009\u2019", "-   '")
_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12}
# A group of two: 12,34,567 as in India.
_GROUPED = r"[0-9]{{1,3}}(?:{0}[0-9]{{3}})+|[0-9]{{1,2}}(?:{0}[0-9]{{2}})+{0}[0-9]{{3}}"
CONVENTIONS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"))
"""Decimal mark and separator of thousands, in the order in which they are tried."""


def _body(decimal: str, thousands: str) -> re.Pattern[str]:
    mark = re.escape(decimal)
    whole = r"[0-9]+"
    if thousands:
        whole = rf"(?:{_GROUPED.format(re.escape(thousands))}|[0-9]+)"
    return re.compile(rf"{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+")


_BODIES = {convention: _body(*convention) for convention in CONVENTIONS}


@dataclasses.dataclass(frozen=True)
class Numerals:
    """The spelling of a column's numbers.

    Attributes:
      decimal: the decimal mark.
      thousands: what separates groups of digits; empty if nothing does.
      before, after: the unit, which is removed: "$", "kg".
      multiples: whether k, M, B and T after a number multiply it.
      loose: whether a number may also come without the unit.
    """

    decimal: str = "."
    thousands: str = ""
    before: str = ""
    after: str = ""
    multiples: bool = False
    loose: bool = False

    def read(self, values: np.ndarray) -> np.ndarray:
        """The numbers of some strings, float64; NaN where a string is not one."""
        if self == Numerals() and (numbers := _fast(values)) is not None:
            return numbers
        return np.array([self.number(text) for text in values.tolist()], np.float64)

    def number(self, text: str) -> float:
        """The number that a string spells, or NaN."""
        if _PLAIN.fullmatch(text) and self == Numerals():
            return float(text)
        cell = match(text)
        if cell is None:
            return np.nan
        scale = 1.0
        before, after = cell["before"] or "", (cell["after"] or "").strip()
        if self.multiples:
            scale = _MULTIPLES.get(after.casefold(), np.nan)
        elif (before, after) != (self.before, self.after) and not (
            self.loose and not before and not after
        ):
            return np.nan
        if self.multiples and before != self.before and not (self.loose and not before):
            return np.nan
        body = cell["body"]
        if not _BODIES[self.decimal, self.thousands].fullmatch(body):
            return np.nan
        if self.thousands:
            body = body.replace(self.thousands, "")
        number = float(body.replace(self.decimal, ".") + (cell["exponent"] or ""))
        negative = cell["open"] or "-" in (cell["sign"], cell["sign2"])
        return scale * (-number if negative else number)

    def words(self) -> str:
        """What is special about it; empty for plain numbers."""
        parts = []
        if self.decimal == ",":
            parts.append("decimal comma")
        if self.thousands:
            name = {" ": "blank", "'": "apostrophe"}.get(self.thousands, repr(self.thousands))
            parts.append(f"{name} separates thousands")
        unit = " and ".join(repr(part) for part in (self.before, self.after) if part)
        if unit:
            parts.append(f"unit {unit} removed")
        if self.multiples:
            parts.append("k, M, B, T after a number multiply it")
        return ", ".join(parts)


def _fast(values: np.ndarray) -> np.ndarray | None:
    """The numbers of strings that NumPy and this module read in the same way, or None."""
    if values.dtype != TEXT:
        return None
    try:
        numbers = values.astype(np.float64)
    except ValueError:
        return None
    # NumPy reads "nan" and, like Python, 1_000 and the digits of all alphabets.
    if not np.isfinite(numbers).all() or (np.strings.find(values, "_") >= 0).any():
        return None
    return numbers if "".join(values.tolist()).isascii() else None


def all_plain(values: np.ndarray) -> bool:
    """Whether all strings are finite numbers of the usual form, without a unit."""
    return _fast(values) is not None


def unit_of(text: str) -> tuple[str, str] | None:
    """What stands before and after a number, in any of the usual spellings; None if it is none."""
    cell = match(text)
    if cell is None or not any(body.fullmatch(cell["body"]) for body in _BODIES.values()):
        return None
    return cell["before"] or "", (cell["after"] or "").strip()


def match(text: str) -> re.Match[str] | None:
    """The parts of a cell that looks like a number, with or without a unit."""
    if len(text) > _MOST_CHARACTERS:
        return None
    if not text.isascii():
        text = text.translate(_TYPESET)
    found = _CELL.fullmatch(text.strip())
    return found if found and bool(found["open"]) == bool(found["close"]) else None


def is_number(text: str) -> bool:
    """Whether a cell is a number in one of the usual spellings, without a unit."""
    return unit_of(text) == ("", "")


@dataclasses.dataclass(frozen=True)
class Spelling:
    """What was recognized of a column's cells.

    Attributes:
      numerals: the spelling that fits most of them; None if nothing looks like a number.
      ambiguous: a cell that has two readings, such as "1,234"; empty if the cells or the rest of
        the table decide.
    """

    numerals: Numerals | None
    ambiguous: str = ""


def recognize(texts: list[str], decimal: str | None, loose: bool = False) -> Spelling:
    """How the numbers among some cells are spelled.

    Args:
      texts: the different cells, without those that mean missing.
      decimal: the decimal mark of the table, where it is known.
      loose: whether cells without the unit are numbers too.
    """
    if not any(map(match, texts[:: max(len(texts) // _TO_LOOK_AT, 1)])):
        return Spelling(None)
    cells = [cell for cell in map(match, texts) if cell is not None]
    units = collections.Counter((c["before"] or "", (c["after"] or "").strip()) for c in cells)
    (before, after), _ = units.most_common(1)[0]
    if loose and not before and not after and len(units) > 1:
        (before, after), _ = units.most_common(2)[1]
    multiples = False
    suffixes = {suffix.casefold() for _, suffix in units}
    befores = {prefix for prefix, _ in units}
    if len(suffixes) > 1 and suffixes <= set(_MULTIPLES) and len(befores) == 1:
        before, after, multiples = befores.pop(), "", True
    bodies = [c["body"] for c in cells]
    # Nobody writes three decimals of a dollar after a comma.
    convention, ambiguous = _convention(bodies, decimal or ("." if before in _DOLLARS else None))
    return Spelling(Numerals(*convention, before, after, multiples, loose), ambiguous)


def _convention(bodies: list[str], decimal: str | None) -> tuple[tuple[str, str], str]:
    fits = {
        convention: sum(map(bool, map(body.fullmatch, bodies)))
        for convention, body in _BODIES.items()
    }
    best = max(fits.values())
    found = [convention for convention in CONVENTIONS if fits[convention] == best]
    if (
        (".", "") in found
        and (",", ".") in found
        and decimal == ","
        and any("." in b for b in bodies)
    ):
        return (",", "."), ""
    if found[0] != (",", "") or (".", ",") not in found:
        return found[0], ""
    # Three digits follow each comma.
    if decimal is not None:
        return ((",", "") if decimal == "," else (".", ",")), ""
    plain = [len(body) for body in bodies if body.isdigit()]
    if plain and len(plain) < len(bodies) and max(plain) <= 3 and len(bodies) >= 10:
        return (".", ","), ""  # no number over 999 is without a comma
    return (".", ","), next(body for body in bodies if "," in body)


def decimal_mark(columns: list[list[str]]) -> str | None:
    """The decimal mark that the columns of a table show, if they agree.

    Args:
      columns: some different cells of each column.
    """
    found = set()
    for texts in columns:
        bodies = [cell["body"] for cell in map(match, texts) if cell is not None]
        if len(bodies) < 0.8 * len(texts) or not bodies:
            continue
        marked = [body for body in bodies if "." in body or "," in body]
        for mark, other in ((".", ","), (",", ".")):
            one = all(
                _BODIES[mark, ""].fullmatch(b) or _BODIES[mark, other].fullmatch(b) for b in marked
            )
            grouped = all(_BODIES[other, mark].fullmatch(b) for b in marked)
            if marked and one and not grouped:
                found.add(mark)
    return found.pop() if len(found) == 1 else None
