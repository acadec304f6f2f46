"""Which task a target is for: chosen from what it holds, or as the user says."""

from __future__ import annotations

import dataclasses

from mlp_lab.errors import InputError, near_miss

KINDS = ("classes", "binary", "labels", "numbers")

MOST_CLASSES = 20
"""A column of whole numbers with more different values is taken for numbers."""
_ROWS_EACH = 10
"""So is one with fewer rows than this for each value."""


@dataclasses.dataclass(frozen=True)
class TargetFacts:
    """What the target holds, in plain values.

    Attributes:
      name: of the column, or of the columns together, as in messages.
      numeric: whether it holds numbers only.
      whole: whether these are whole numbers.
      distinct: how many different values it has; of several columns, the most.
      rows: how many rows have a target.
      several_labels: whether cells hold several labels with a separator.
      several_columns: whether there is more than one column.
      indicators: whether each column holds 0 and 1, no and yes, or the like.
    """

    name: str
    numeric: bool
    whole: bool
    distinct: int
    rows: int
    several_labels: bool = False
    several_columns: bool = False
    indicators: bool = False


def infer(target: TargetFacts, asked: str = "auto") -> tuple[str, str]:
    """Chooses the kind of task, and says why.

    Several columns of no and yes are labels, several of numbers are numbers. A column whose cells
    hold several labels is labels; one with two different values, of whatever kind, is binary; one
    of words is classes. A column of numbers is classes if they are whole, at most 20 different
    ones, and each on average in ten rows or more; otherwise it is numbers.

    Args:
      target: what the target holds.
      asked: a kind, if the user names it; "auto" chooses.

    Returns:
      The kind, one of `KINDS`, and a line for the user:
      "target 'price': 11,602 different numbers: numbers; --task=classes to force classes".

    Raises:
      InputError: the target does not fit the kind that is asked for, or none.

    Example:

    >>> from mlp_lab.tasks import TargetFacts, infer
    >>> infer(TargetFacts("price", numeric=True, whole=True, distinct=11602, rows=53940))[0]
    'numbers'
    """
    if asked not in ("auto", *KINDS):
        raise InputError(
            "task",
            f"no task {asked!r}{near_miss(asked, KINDS)}; choose one of auto, {', '.join(KINDS)}",
        )
    if target.distinct < 2:
        raise InputError(
            "target", f"{target.name!r} has the same value in all rows; there is nothing to learn"
        )
    if asked != "auto":
        _check(target, asked)
        return asked, f"target {target.name!r}: {_holds(target)}: {asked}, as --task says"
    kind = _chosen(target)
    other = _other(target, kind)
    hint = f"; --task={other} to force {other}" if other else ""
    return kind, f"target {target.name!r}: {_holds(target)}: {kind}{hint}"


def _chosen(target: TargetFacts) -> str:
    if target.several_columns:
        if target.indicators:
            return "labels"
        if target.numeric:
            return "numbers"
        raise InputError(
            "target",
            f"{target.name!r} has words; several columns must hold numbers, or each no and yes; "
            "for classes give one column",
        )
    if target.several_labels:
        return "labels"
    if target.distinct == 2:
        return "binary"
    few = target.distinct <= MOST_CLASSES and target.distinct * _ROWS_EACH <= target.rows
    return "classes" if not target.numeric or (target.whole and few) else "numbers"


def _other(target: TargetFacts, kind: str) -> str:
    """The next likely kind that fits; empty if none does."""
    for other in ("numbers", "classes"):
        if other == kind:
            continue
        try:
            _check(target, other)
        except InputError:
            continue
        return other
    return ""


def _check(target: TargetFacts, asked: str) -> None:
    """Raises an InputError if the target does not fit the kind."""
    hint = ""
    if asked == "numbers":
        if target.numeric:
            return
        hint = "numbers need a column of numbers"
    elif asked == "labels":
        if target.indicators if target.several_columns else target.several_labels:
            return
        hint = (
            "labels need a column with several in a cell, separated by '|', ';' or ',', or several "
            "columns that each hold 0 and 1, or no and yes"
        )
    elif target.several_columns:
        hint = f"{asked} need one target column"
    elif asked == "classes" or target.distinct == 2:
        return
    else:
        hint = "binary needs two different values; --task=classes is for more"
    raise InputError(
        "task", f"{asked} does not fit target {target.name!r} ({_holds(target)}): {hint}"
    )


def _holds(target: TargetFacts) -> str:
    """What the target holds, in words."""
    if target.several_labels:
        return "several labels in a cell"
    if target.indicators and target.several_columns:
        return "columns of no and yes"
    kind = ("whole numbers" if target.whole else "numbers") if target.numeric else "words"
    each = " in a column" if target.several_columns else ""
    return f"{target.distinct:,} different {kind}{each}"
