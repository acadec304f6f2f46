"""Words that stand for a missing value."""

from __future__ import annotations

import numpy as np

WORDS = frozenset(
    (
        "",
        "na",
        "n/a",
        "n.a.",
        "nan",
        "-nan",
        "nat",
        "null",
        "none",
        "nil",
        "?",
        ".",
        "-",
        "--",
        "#n/a",
        "#n/a n/a",
        "#na",
        "<na>",
        "<null>",
        "(null)",
        "(na)",
        "\\n",
        "1.#qnan",
        "-1.#ind",
        "1.#ind",
        "#null!",
        "#div/0!",
        "#value!",
        "#ref!",
        "#name?",
        "#num!",
        "missing",
        "not available",
        "–",  # noqa: RUF001
        "—",
    )
)
"""In any column, whatever their case. The count of each is shown."""

AMONG_NUMBERS = WORDS | frozenset(
    (
        "unknown",
        "unk",
        "undefined",
        "undef",
        "not known",
        "not reported",
        "not recorded",
        "not applicable",
        "no data",
        "nodata",
        "no value",
        "no answer",
        "n/d",
        "nd",
        "n.d.",
        "nr",
        "n/k",
        "tbd",
        "tba",
        "error",
        "err",
        "invalid",
        "blank",
        "empty",
        "(empty)",
        "(blank)",
        "*",
        "**",
        "---",
        "..",
        "...",
        "_",
        "/",
        "~",
    )
)
"""Also these, where the other cells of a column are numbers or dates. In a column of words they
are words."""


def is_missing(text: str, given: tuple[str, ...] = (), among_numbers: bool = False) -> bool:
    """Whether a cell means that there is no value.

    Args:
      given: what else means so, exactly as written.
      among_numbers: whether the other cells of its column are numbers or dates.
    """
    text = text.strip()
    return text.casefold() in (AMONG_NUMBERS if among_numbers else WORDS) or text in given


_DIGITS = frozenset("0123456789")


def find(texts: list[str], given: tuple[str, ...] = (), among_numbers: bool = False) -> np.ndarray:
    """`is_missing` of each cell; quick for numbers."""
    starting = {word for word in (*AMONG_NUMBERS, *given) if word[:1] in _DIGITS}
    words = (
        (text[:1] not in _DIGITS or text.strip().casefold() in starting or text.strip() in starting)
        and is_missing(text, given, among_numbers)
        for text in texts
    )
    return np.fromiter(words, bool, len(texts))
