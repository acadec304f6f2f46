"""Weights that make rare classes count as much as frequent ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlp_lab.errors import InputError, near_miss
from mlp_lab.tasks.classes import checked_ids

_OPTION = "class_weight"


def class_weights(
    y: np.ndarray, names: Sequence[str], weights: str | Mapping[str, float]
) -> np.ndarray:
    """The weight of each sample, by its class.

    Args:
      y: class ids [n], or 0 and 1 of a binary task [n, 1].
      names: of the classes.
      weights: "balanced": n / (k * n_c) for the n_c samples of class c, with k classes that
        occur, so that all classes weigh the same and the mean weight is 1 (as in scikit-learn's
        compute_sample_weight). Or the weight of classes by name; 1 for those not named.

    Returns:
      float32 [n].

    Raises:
      InputError: a name is unknown, or a weight is not a number of at least 0.
    """
    if np.ndim(y) == 2 and np.shape(y)[1] != 1:
        raise InputError(
            _OPTION, "each sample has several labels or numbers; only classes have weights"
        )
    ids = checked_ids(y, len(names))
    if isinstance(weights, str):
        if weights != "balanced":
            raise InputError(
                _OPTION,
                f"expected balanced, or a weight by class name, got {weights!r}"
                f"{near_miss(weights, ['balanced'])}",
            )
        counts = np.bincount(ids, minlength=len(names))
        present = max(int((counts > 0).sum()), 1)
        return (len(ids) / (present * np.maximum(counts, 1))).astype(np.float32)[ids]
    known = {name: place for place, name in enumerate(names)}
    found = np.ones(len(names))
    for name, weight in weights.items():
        if name not in known:
            hint = near_miss(str(name), names)
            shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
            raise InputError(_OPTION, f"no class {name!r}{hint}; the classes are {shown}")
        found[known[name]] = _checked(name, weight)
    if len(ids) and not found[ids].any():
        raise InputError(_OPTION, "the weights of all samples are 0; there is nothing to learn")
    return found.astype(np.float32)[ids]


def _checked(name: str, weight: Any) -> float:
    number = isinstance(weight, int | float | np.integer | np.floating)
    if not number or isinstance(weight, bool) or not 0 <= weight < math.inf:
        raise InputError(
            _OPTION, f"class {name!r}: expected a number of at least 0, got {weight!r}"
        )
    return float(weight)
