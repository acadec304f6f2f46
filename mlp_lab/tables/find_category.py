"""Reads a column as words."""

from __future__ import annotations

import numpy as np

from mlp_lab.tables.case import Case
from mlp_lab.tables.category import Category, count_words, known_words
from mlp_lab.tables.ignored import Ignored
from mlp_lab.tables.plan import Plan


def find_category(case: Case, note: str = "") -> Category:
    """The plan of a column of words."""
    absent = case.absent(False)
    words, numeric = count_words(case.column, absent)
    rows = sum(words.values())
    known = known_words(words, numeric, rows)
    rare = len(words) - len(known)
    counts = tuple(words[word] for word in known)
    notes = [note, *_word_notes(case, absent, known)]
    return Category(
        **case.common(absent, *notes),
        words=tuple(known),
        counts=counts,
        rare=rare,
        rare_rows=rows - sum(counts),
        numeric=numeric,
    )


def _word_notes(case: Case, absent: np.ndarray, known: list[str]) -> list[str]:
    notes = []
    counts = case.column.counts()
    if case.column.is_text:
        texts = case.column.values.tolist()
        blanks = [
            code for code, text in enumerate(texts) if text != text.strip() and not absent[code]
        ]
        if blanks:
            notes.append(f"blanks around {counts[blanks].sum():,} cells removed")
    folded: dict[str, str] = {}
    for word in known:
        other = folded.setdefault(word.casefold(), word)
        if other != word:
            notes.append(f"{other!r} and {word!r} differ only in case, and are two categories")
            break
    return notes


def learnable(case: Case, plan: Category) -> Plan:
    """A column of words: a category, or words that are too many to learn from."""
    words = plan.words
    distinct = len(words) + plan.rare
    rows = sum(plan.counts) + plan.rare_rows
    absent = case.absent(False)
    if distinct == 0:
        return Ignored(**case.common(absent), reason="empty", distinct=0)
    if distinct == 1 and plan.missing_rows == 0:
        return Ignored(**case.common(absent), reason="constant", distinct=1)
    texts = [text for text, gone in zip(case.column.texts(), absent, strict=True) if not gone]
    long = (
        np.mean([len(text) for text in texts]) > 30 or np.mean([len(t.split()) for t in texts]) >= 4
    )
    if rows >= 10 and (distinct > 0.9 * rows or (distinct > 0.5 * rows and distinct > 100)):
        return Ignored(**case.common(absent), reason="text" if long else "id", distinct=distinct)
    if long and distinct > max(0.2 * rows, 20):
        return Ignored(**case.common(absent), reason="text", distinct=distinct)
    return plan
