"""How the dates of a column are written, and reading them."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np

_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
)
_YEAR = r"(?P<year>[0-9]{4}|[0-9]{2})"
_MONTH = r"(?P<name>[A-Za-z]{3,9})\.?"
_DATES = {
    "ymd": (
        r"(?P<year>[0-9]{4})(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?:(?P=mark)(?P<day>[0-9]{1,2}))?"
    ),
    "dmy": rf"(?P<day>[0-9]{{1,2}})(?P<mark>[-/.])(?P<month>[0-9]{{1,2}})(?P=mark){_YEAR}",
    "mdy": rf"(?P<month>[0-9]{{1,2}})(?P<mark>[-/.])(?P<day>[0-9]{{1,2}})(?P=mark){_YEAR}",
    "compact": r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
    "d month y": rf"(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?[-. /]*{_MONTH}[-., /]+{_YEAR}",
    "month d y": rf"{_MONTH}[-. /]*(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?[-., /]+{_YEAR}",
}
_LAYOUTS = {
    name: re.compile(rf"(?:[A-Za-z]{{3,9}},? )?{date}(?:[T ,]+{_CLOCK})?")
    for name, date in _DATES.items()
} | {"clock": re.compile(_CLOCK)}
LAYOUTS = tuple(_LAYOUTS)
"""Names of the layouts."""
WORDS = {
    "ymd": "year, month, day",
    "dmy": "day, month, year",
    "mdy": "month, day, year",
    "compact": "year, month, day without marks",
    "d month y": "day, name of the month, year",
    "month d y": "name of the month, day, year",
    "clock": "time of day",
}
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_NOT_A_TIME = np.datetime64("NaT", "us")
_MOST_CHARACTERS = 50
# What NumPy reads in the same way, but faster.
_ISO = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
)


def read(texts: list[str], layout: str, zoned: bool) -> np.ndarray:
    """The times that some strings spell, datetime64[us]; NaT where one does not.

    Args:
      zoned: whether each has an offset from UTC, to which it is converted.
    """
    if layout == "ymd" and not zoned and all(map(_ISO.fullmatch, texts)):
        try:
            return np.array(texts, "datetime64[us]")
        except ValueError:  # there is no such day
            pass
    return np.array([_time(text, layout, zoned) for text in texts], "datetime64[us]")


def is_zoned(text: str, layout: str) -> bool:
    """Whether a date has an offset from UTC."""
    found = _LAYOUTS[layout].fullmatch(text.strip())
    return bool(found and found["zone"])


def _time(text: str, layout: str, zoned: bool) -> np.datetime64:
    text = text.strip()
    found = _LAYOUTS[layout].fullmatch(text) if len(text) <= _MOST_CHARACTERS else None
    if found is None or bool(found["zone"]) != zoned:
        return _NOT_A_TIME
    parts = found.groupdict()
    try:
        day = (
            datetime.datetime(*_day(parts)) if layout != "clock" else datetime.datetime(1970, 1, 1)
        )
        if parts["hour"]:
            day = day.replace(**_clock(parts))
        if zoned:
            day -= _offset(parts["zone"])
    except (ValueError, OverflowError):
        return _NOT_A_TIME
    return np.datetime64(day, "us")


def _day(parts: dict) -> tuple[int, int, int]:
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 69 else 1900
    elif year < 1000:
        raise ValueError
    name = parts.get("name")
    if name:
        name = "sep" if name.lower() == "sept" else name.lower()
        month = next((n for n, known in enumerate(_MONTHS, 1) if known.startswith(name)), 0)
    else:
        month = int(parts["month"])
    return year, month, int(parts.get("day") or 1)


def _clock(parts: dict) -> dict[str, Any]:
    hour = int(parts["hour"])
    if parts["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (parts["half"] in "Pp")
    micros = int(((parts["part"] or "") + "000000")[:6])
    second = int(parts["second"] or 0)
    return {"hour": hour, "minute": int(parts["minute"]), "second": second, "microsecond": micros}


def _offset(zone: str) -> datetime.timedelta:
    if zone[0] not in "+-":
        return datetime.timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    offset = datetime.timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def fits(texts: list[str], layout: str) -> np.ndarray:
    """Which strings can be read in a layout, with or without an offset from UTC."""
    plain = ~np.isnat(read(texts, layout, False))
    return plain if plain.all() else plain | ~np.isnat(read(texts, layout, True))


def likely(texts: list[str]) -> list[str]:
    """The layouts in which most of some strings can be read, best first.

    Day and month both come first only if the cells do not tell which of them does.
    """
    some = texts[:: max(len(texts) // 100, 1)]
    found = {name: int(np.count_nonzero(fits(some, name))) for name in LAYOUTS}
    names = [name for name, count in found.items() if count >= max(0.8 * len(some), 1)]
    if "dmy" in names and "mdy" in names:
        every = {name: int(np.count_nonzero(fits(texts, name))) for name in ("dmy", "mdy")}
        if every["dmy"] != every["mdy"]:
            names.remove(min(every, key=lambda name: every[name]))
        elif all("." in text for text in some):
            names.remove("mdy")
    return sorted(names, key=lambda name: -found[name])
