"""Columns of categories."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mlp_lab.tables.plan import FIRST_WORD, MISSING, UNSEEN, Input, Plan, missing_values, spread
from mlp_lab.tables.table import Column, number_text

MOST_WORDS = 10_000
"""Most categories with an id of their own: the most frequent ones."""

_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?")
_DIGITS_ONLY = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_DIGITS = 16
_ROWS_FOR_RARE = 50


@dataclasses.dataclass(frozen=True)
class Category(Plan):
    """A column of words, which go to the model as ids: 0 missing, 1 unseen, 2... `words`.

    Attributes:
      words: the known ones.
      counts: how many rows of the training part have each.
      rare: how many other words the training part has, which count as unseen.
      rare_rows: in how many rows.
      numeric: whether the words are numbers, so that 1, 1.0 and "1" are the same.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    rare: int
    rare_rows: int
    numeric: bool

    kind: ClassVar[str] = "category"

    def inputs(self) -> list[Input]:
        return [Input(self.name, "category", FIRST_WORD + len(self.words))]

    def values(self) -> str:
        return f"{len(self.words) + self.rare:,} categories"

    def done(self) -> str:
        rare = f"; {self.rare:,} rare ones ({self.rare_rows:,} rows) as unseen" if self.rare else ""
        return f"ids 0 to {len(self.words) + 1}{rare}"

    def encode(self, column: Column, given: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        absent = missing_values(column, given, self.among_numbers)
        known = {word: place for place, word in enumerate(self.words, FIRST_WORD)}
        words = [word_of(text, self.numeric) for text in column.texts()]
        ids = np.array([known.get(word, UNSEEN) for word in words], np.float64)
        ids[absent] = MISSING
        return spread(ids.reshape(-1, 1), column.codes, MISSING), ids == UNSEEN


def word_of(text: str, numeric: bool) -> str:
    """The word that a cell means."""
    text = text.strip()
    # Longer ones would lose digits.
    if numeric and len(text) < _DIGITS and _NUMBER.fullmatch(text):
        return number_text(float(text))
    return text


def count_words(column: Column, absent: np.ndarray) -> tuple[dict[str, int], bool]:
    """How many rows have which word, and whether the words are numbers, without leading zeros."""
    texts = [text.strip() for text in column.texts()]
    known = [text for text, gone in zip(texts, absent, strict=True) if not gone]
    numeric = bool(known) and all(map(_NUMBER.fullmatch, known))
    words: dict[str, int] = {}
    for text, gone, count in zip(texts, absent, column.counts().tolist(), strict=True):
        if count and not gone:
            word = word_of(text, numeric)
            words[word] = words.get(word, 0) + count
    return words, numeric


def known_words(words: Mapping[str, int], numeric: bool, rows: int) -> list[str]:
    """The words that get an id: all but those of one row, in a natural order.

    A word that was seen once teaches nothing about itself; as "unseen" it teaches the model what
    to do with words it has never seen.
    """
    least = 2 if rows >= _ROWS_FOR_RARE else 1
    usual = [word for word, count in words.items() if count >= least]
    usual = sorted(usual, key=lambda word: (-words[word], word))[:MOST_WORDS]
    return sorted(usual, key=natural)


def natural(word: str) -> tuple:
    """Sorts 2 before 10, also inside of words, and then by letters."""
    parts = re.split(r"([0-9]{1,15})", word.casefold())
    first = (0, float(word)) if _DIGITS_ONLY.fullmatch(word) else (1, 0.0)
    return (*first, [(int(p), "") if p[0] in "0123456789" else (-1, p) for p in parts if p], word)
