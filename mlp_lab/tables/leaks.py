"""Columns that tell the target: certainly, or too well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tables.hashing import hashes
from mlp_lab.tables.plan import Input

_LEAST_ROWS = 20
_ROWS_TO_LOOK_AT = 100_000
_ROWS_PER_VALUE = 20
_SUSPICIOUS = 0.99
_EQUAL = 1e-9


def check_leaks(
    inputs: Sequence[Input], x: np.ndarray, y: np.ndarray, option: str = "data"
) -> list[str]:
    """Refuses columns that are the target, and names those that predict it alone.

    Args:
      inputs: what the columns of x are.
      x: float64 [rows, inputs], of the training part.
      y: its targets: whole numbers [rows] or 0 and 1 [rows, labels] are classes, float64
        [rows, columns] are numbers.

    Returns:
      A line for each column that alone predicts the target with accuracy or R² of 0.99 or more,
      where knowing nothing does not. A row is predicted by the most frequent class or the mean of
      the other rows with the same value; numbers also by the next row in order of value (classes),
      or by the two around it and by a line (numbers).

    Raises:
      InputError: for classes, a column has one value for each class and no other rows; for
        numbers, it is a + b · target. Fewer than 20 rows are not judged.
    """
    if len(x) < _LEAST_ROWS:
        return []
    numbers = y.dtype == np.float64
    targets = y.reshape(len(y), -1).T
    lines = []
    step = -(-len(x) // _ROWS_TO_LOOK_AT)
    for place, column in enumerate(inputs):
        values = x[:, place]
        for target in targets:
            same = _affine(values, target, column) if numbers else _one_to_one(values, target)
            if same:
                name = column.name
                raise InputError(
                    option,
                    f"column {name!r} gives the target away: {same}; leave it out "
                    f"by --columns='{name}:ignore', or choose another --target",
                )
            score = _score(values[::step], target[::step], column.kind == "category", numbers)
            if score >= _SUSPICIOUS:
                what = "R²" if numbers else "accuracy"
                lines.append(
                    f"column {column.name!r} alone predicts the target with {what} {score:.4f}; is "
                    "it known when a prediction is asked for?"
                )
                break
    return lines


def _one_to_one(values: np.ndarray, target: np.ndarray) -> str:
    """Whether each class has its own value."""
    # NaN, which is missing, is a value of its own.
    known, codes = np.unique(values, return_inverse=True)
    classes, ids = np.unique(target, return_inverse=True)
    if len(known) != len(classes) or len(classes) < 2:
        return ""
    pairs = np.unique(codes.reshape(-1) * len(classes) + ids.reshape(-1))
    return (
        f"each of the {len(classes):,} classes has its own value"
        if len(pairs) == len(known)
        else ""
    )


def _affine(values: np.ndarray, target: np.ndarray, column: Input) -> str:
    """Whether the target is a + b · value, wherever there is a value."""
    known = np.isfinite(values)
    if column.kind == "category" or np.count_nonzero(known) < max(_LEAST_ROWS, 0.99 * len(values)):
        return ""
    v, t = values[known], target[known]
    low, high = int(np.argmin(v)), int(np.argmax(v))
    if v[low] == v[high]:
        return ""
    slope = (t[high] - t[low]) / (v[high] - v[low])
    wrong = np.abs(t[low] + slope * (v - v[low]) - t)
    if slope == 0 or not wrong.max() <= _EQUAL * np.abs(t).max():
        return ""
    return "it is equal" if np.array_equal(v, t) else f"target = a + {slope:.6g} · column"


def _score(values: np.ndarray, target: np.ndarray, category: bool, numbers: bool) -> float:
    """How well a column predicts a target alone, each row by others."""
    known, cells = np.unique(values, return_inverse=True)
    cells = cells.reshape(-1)
    if category or len(known) <= len(values) // _ROWS_PER_VALUE:
        return _r2_of_means(cells, target) if numbers else _accuracy_of_modes(cells, target)
    # Rows of the same value in random order: the file may be sorted by class.
    ordered = target[np.lexsort((hashes(np.zeros(len(values)), np.arange(len(values))), values))]
    if not numbers:
        score = float(np.mean(ordered[1:] == ordered[:-1]))
        return score if _beats_the_mode(score, target) else 0.0
    between = (ordered[2:] + ordered[:-2]) / 2
    return max(_r2(ordered[1:-1], between), _r2_of_line(values, target))


def _accuracy_of_modes(cells: np.ndarray, target: np.ndarray) -> float:
    """Share of rows whose class is the most frequent one among the other rows of their cell."""
    classes, ids = np.unique(target, return_inverse=True)
    pairs, counts = np.unique(cells * len(classes) + ids.reshape(-1), return_counts=True)
    found: dict[int, list[int]] = {}
    for cell, count in zip((pairs // len(classes)).tolist(), counts.tolist(), strict=True):
        found.setdefault(cell, []).append(count)
    right = 0
    for counted in found.values():
        first, second = ([*sorted(counted, reverse=True), 0])[:2]
        right += first if first > second + 1 else 0
    score = right / len(cells)
    return score if _beats_the_mode(score, target) else 0.0


def _beats_the_mode(score: float, target: np.ndarray) -> bool:
    """Whether a score leaves less than a tenth of the errors of the most frequent class."""
    _, counts = np.unique(target, return_counts=True)
    return 1 - score <= 0.1 * (1 - counts.max() / len(target))


def _r2(target: np.ndarray, predicted: np.ndarray) -> float:
    centered, wrong = target - target.mean(), target - predicted
    total = float(centered @ centered)
    return 1 - float(wrong @ wrong) / total if total > 0 else 0.0


def _r2_of_means(cells: np.ndarray, target: np.ndarray) -> float:
    """R² of the mean of the other rows of a cell."""
    counts = np.bincount(cells)[cells]
    sums = np.bincount(cells, target)[cells]
    others = np.where(counts > 1, (sums - target) / np.maximum(counts - 1, 1), target.mean())
    return _r2(target, others)


def _r2_of_line(values: np.ndarray, target: np.ndarray) -> float:
    known = np.isfinite(values)
    if known.sum() < _LEAST_ROWS or np.ptp(values[known]) == 0 or np.ptp(target[known]) == 0:
        return 0.0
    correlation = float(np.corrcoef(values[known], target[known])[0, 1])
    return correlation**2 * float(known.mean()) if np.isfinite(correlation) else 0.0
