"""Tables of parameters, thinned by default: what every pair of values needs, and no more."""

import itertools
from collections.abc import Collection, Iterable, Sequence

import pytest


def cover(rows: Iterable[Sequence], strength: int = 2) -> list[int]:
    """The places of rows that have every combination of `strength` columns that `rows` have.

    Most faults need no more than two values together (Kuhn, Wallace and Gallo, Software fault
    interactions and implications for software testing, 2004). Chosen greedily: each row is the
    first of those that bring the most combinations not yet seen.
    """
    brings = [
        {
            (columns, tuple(repr(row[c]) for c in columns))
            for columns in itertools.combinations(range(len(row)), strength)
        }
        for row in rows
    ]
    missing, chosen = set().union(*brings), []
    while missing:
        best = max(range(len(brings)), key=lambda i: len(brings[i] & missing))
        missing -= brings[best]
        chosen.append(best)
    return sorted(chosen)


def thinned(rows: Iterable[Sequence], strength: int = 2) -> list:
    """For `pytest.mark.parametrize`: all rows, those outside of a cover marked slow."""
    rows = [tuple(row) for row in rows]
    kept = cover(rows, strength)
    return [pytest.param(*row) if i in kept else slow(*row) for i, row in enumerate(rows)]


def slow(*values):
    """Such a row, marked slow."""
    return pytest.param(*values, marks=pytest.mark.slow)


def slow_but(names: Iterable[str], kept: Collection[str]) -> list:
    """For `pytest.mark.parametrize`: all names, those that are not kept marked slow."""
    names = list(names)
    assert set(kept) <= set(names), "a name that is kept is none of them"
    return [pytest.param(name) if name in kept else slow(name) for name in names]
