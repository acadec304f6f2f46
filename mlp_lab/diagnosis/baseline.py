"""What simple models reach: a line, and the nearest neighbor."""

from typing import Any

import numpy as np

_FEATURES, _ROWS = 1024, 1024
_RIDGE = 1e-2


def features(x: Any) -> np.ndarray | None:
    """Inputs as standardized rows [n, features]; None for several arrays, or too many features."""
    if not isinstance(x, np.ndarray) or x.ndim < 2 or x.dtype.kind not in "biuf":
        return None
    flat = x.reshape(len(x), -1).astype(np.float64)
    if not flat.shape[1] or not np.isfinite(flat).all():
        return None
    if flat.shape[1] > _FEATURES:
        flat = flat[:, :: -(-flat.shape[1] // _FEATURES)]
    std = flat.std(axis=0)
    return (flat - flat.mean(axis=0)) / np.where(std > 0, std, 1)


def linear(x: np.ndarray, targets: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Outputs for `test_x` of ridge regression on x [n, d] and targets [n, k], with a constant."""
    x, test_x = (np.column_stack([a, np.ones(len(a))]) for a in (x, test_x))
    ridge = _RIDGE * len(x) * np.eye(x.shape[1])
    return test_x @ np.linalg.solve(x.T @ x + ridge, x.T @ targets)


def nearest(x: np.ndarray, targets: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Mean targets of the 3 nearest rows of x, for each row of `test_x`, by Euclidean distance."""
    x, targets, test_x = x[:_ROWS], targets[:_ROWS], test_x[:_ROWS]
    squares = (test_x**2).sum(1)[:, None] + (x**2).sum(1)[None] - 2 * test_x @ x.T
    closest = np.argsort(squares, axis=1)[:, :3]
    return targets[closest].mean(axis=1)
