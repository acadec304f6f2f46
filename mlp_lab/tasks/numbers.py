"""Numbers: regression."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mlp_lab.display import Row
from mlp_lab.errors import InputError
from mlp_lab.tasks.base import Task
from mlp_lab.tasks.predictions import Predictions

_LARGEST = float(np.finfo(np.float32).max)
_FEWEST_STEPS = 4
"""A standard deviation has at least this many steps of float32 numbers of the mean's size."""


@dataclasses.dataclass(frozen=True, repr=False)
class Numbers(Task):
    """Each sample has a number for each of t targets, and the model an output for each.

    Targets, outputs and metrics are in the unit of the target. The model's last layer computes
    outputs * scale + mean, and the loss divides errors by scale, so that targets of any unit
    train alike.

    Attributes:
      names: of the targets.
      mean: of each target in the training part.
      scale: the standard deviation of each target in the training part, with the divisor n; 1
        where it is 0.

    Example:

    >>> from mlp_lab.tasks import Numbers
    >>> Numbers.of(("price",), np.array([326.0, 334.0, 423.0]))
    Numbers 1: price
      outputs  1
      loss     mean_squared_error
      metrics  rmse, mean_absolute_error, r2
      mean     361
      scale    43.96
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    kind: ClassVar[str] = "numbers"
    loss: ClassVar[str] = "mean_squared_error"
    metrics: ClassVar[tuple[str, ...]] = ("rmse", "mean_absolute_error", "r2")

    @classmethod
    def of(cls, names: Sequence[str], values: Any) -> Numbers:
        """The task of the training part's targets.

        Args:
          names: of the targets.
          values: [n, targets] in float64, or [n] if there is one.

        Raises:
          InputError: they are not finite or too large for float32, or differ by less than float32
            can tell at their size.
        """
        names = tuple(names)
        found = _checked(names, values)
        if not len(found):
            raise InputError("target", "expected numbers of at least one sample, got none")
        # From the first sample, so that a constant target has exactly the deviation 0.
        apart = found - found[0]
        mean, scale = found[0] + apart.mean(axis=0), apart.std(axis=0)
        for name, m, s in zip(names, mean, scale, strict=True):
            step = float(np.spacing(np.float32(abs(m))))
            if 0 < s < _FEWEST_STEPS * step:
                raise InputError(
                    "target",
                    f"{name!r} varies by {s:.3g} around {m:.9g}, where float32 numbers are "
                    f"{step:.3g} apart; subtract a constant from the column",
                )
        return cls(names, tuple(mean.tolist()), tuple(np.where(scale > 0, scale, 1.0).tolist()))

    def _check_names(self) -> None:
        super()._check_names()
        for what in ("mean", "scale"):
            found = getattr(self, what)
            if (
                not isinstance(found, tuple)
                or len(found) != len(self.names)
                or not all(isinstance(v, float | int) and math.isfinite(v) for v in found)
                or any(isinstance(v, bool) for v in found)
                or (what == "scale" and min(found) <= 0)
            ):
                raise InputError(
                    "task",
                    f"numbers: expected a {what} for each of {len(self.names)} targets, finite"
                    f"{' and above 0' * (what == 'scale')}, got {found!r:.200}",
                )

    @property
    def num_classes(self) -> None:
        return None

    def y(self, values: Any) -> np.ndarray:
        return _checked(self.names, values).astype(np.float32)

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """What is reached by guessing the training part's mean; for the absolute error its median.

        The root of the mean squared error, and the mean absolute error, are over all entries; r2
        is the mean over the targets of 1 - sum (y - guess)^2 / sum (y - mean(y))^2; for a target
        that does not vary it is 1 if the guess is right, else 0.
        """
        train, truth = _checked(self.names, y_train), _checked(self.names, y)
        if not len(train) or not len(truth):
            return {}
        center = train[0] + (train - train[0]).mean(axis=0)
        squares = np.square(truth - center)
        apart = truth - truth[0]
        spread = np.square(apart - apart.mean(axis=0)).sum(axis=0)
        error = squares.sum(axis=0)
        r2 = np.where(error > 0, 0.0, 1.0)
        np.divide(spread - error, spread, out=r2, where=spread > 0)
        return {
            "rmse": float(np.sqrt(squares.mean())),
            "mean_squared_error": float(squares.mean()),
            "mean_absolute_error": float(np.abs(truth - np.median(train, axis=0)).mean()),
            "r2": float(r2.mean()),
        }

    def read(self, outputs: np.ndarray, from_logits: bool = True) -> Predictions:
        return Predictions(self.kind, self.names, self._outputs(outputs))

    def _display(self) -> tuple[str, list[Row]]:
        heading, rows = super()._display()
        one = len(self.names) == 1
        return heading, [
            *rows,
            ("mean", self.mean[0] if one else dict(zip(self.names, self.mean, strict=True))),
            ("scale", self.scale[0] if one else dict(zip(self.names, self.scale, strict=True))),
        ]


def _checked(names: tuple[str, ...], values: Any) -> np.ndarray:
    """Finite numbers, float64 [n, targets]."""
    found = np.asarray(values)
    if found.ndim == 1 and len(names) == 1:
        found = found[:, None]
    if found.ndim != 2 or found.shape[1] != len(names) or found.dtype.kind not in "buif":
        raise InputError(
            "target",
            f"expected numbers of shape [n, {len(names)}], got {found.dtype} "
            f"{list(np.shape(values))}",
        )
    found = found.astype(np.float64)
    wrong = ~(np.abs(found) <= _LARGEST)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            "target",
            f"{names[column]!r} is {found[row, column]} in row {row}; expected a finite number up "
            f"to {_LARGEST:.3g}",
        )
    return found
