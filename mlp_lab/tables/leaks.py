"""Columns that tell the target: certainly, or too well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tables.plan import Input

_LEAST_ROWS = 20
_ROWS_TO_LOOK_AT = 100_000
_ROWS_PER_BIN, _MOST_BINS = 20, 200
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
      where knowing nothing does not. Accuracy is that of the most frequent class, R² that of the
      mean, each among the other rows with the same value or in the same of up to 200 intervals
      with equal numbers of rows.

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
            cells = _cells(values[::step], column.kind == "category")
            some = target[::step]
            score = _r2(cells, values[::step], some) if numbers else _accuracy(cells, some)
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


def _cells(values: np.ndarray, category: bool) -> np.ndarray:
    """The interval or value that each row is in."""
    known, codes = np.unique(values, return_inverse=True)
    bins = min(max(len(values) // _ROWS_PER_BIN, 1), _MOST_BINS)
    if category or len(known) <= bins:
        return codes.reshape(-1)
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    # Equal values share the interval of the first of them.
    first = np.full(len(known), len(values))
    np.minimum.at(first, codes.reshape(-1), order)
    return first[codes.reshape(-1)] * bins // len(values)


def _accuracy(cells: np.ndarray, target: np.ndarray) -> float:
    """Share of rows whose class is the most frequent one among the other rows of their cell.

    0 if the most frequent class of all is nearly as good.
    """
    _, ids = np.unique(target, return_inverse=True)
    ids = ids.reshape(-1)
    width = int(ids.max()) + 1
    pairs, counts = np.unique(cells * width + ids, return_counts=True)
    best: dict[int, list[int]] = {}
    for cell, count in zip((pairs // width).tolist(), counts.tolist(), strict=True):
        best.setdefault(cell, []).append(count)
    right = 0
    for found in best.values():
        first, second = ([*sorted(found, reverse=True), 0])[:2]
        right += first if first > second + 1 else 0
    score = right / len(cells)
    usual = np.bincount(ids).max() / len(ids)
    return score if 1 - score <= 0.1 * (1 - usual) else 0.0


def _r2(cells: np.ndarray, values: np.ndarray, target: np.ndarray) -> float:
    """R² of a line, or of the mean of the other rows of a cell, whichever is better."""
    centered = target - target.mean()
    total = float(centered @ centered)
    if not total > 0:
        return 0.0
    counts = np.bincount(cells)
    means = np.bincount(cells, centered) / np.maximum(counts, 1)
    others = counts[cells]
    rest = np.where(
        others > 1, (centered - means[cells]) * others / np.maximum(others - 1, 1), centered
    )
    score = 1 - float(rest @ rest) / total
    known = np.isfinite(values)
    if known.sum() > 2 and np.ptp(values[known]) > 0:
        with np.errstate(over="ignore", invalid="ignore"):
            correlation = float(np.corrcoef(values[known], target[known])[0, 1])
        if np.isfinite(correlation):
            score = max(score, correlation**2 * known.mean())
    return score
