"""One of several classes, mutually exclusive."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tasks.base import CLIP, ROUNDING, Task
from mlp_lab.tasks.base import probabilities as checked
from mlp_lab.tasks.predictions import Predictions


@dataclasses.dataclass(frozen=True, repr=False)
class Classes(Task):
    """Each sample has one of k classes, and the model an output for each.

    The largest output is the prediction; probabilities are softmax(logits).

    Example:

    >>> from mlp_lab.tasks import Classes
    >>> iris = Classes(("setosa", "versicolor", "virginica"))
    >>> iris.read(np.array([[0.0, 2.0, 1.0]])).labels()
    ['versicolor']
    """

    kind: ClassVar[str] = "classes"
    loss: ClassVar[str] = "sparse_categorical_crossentropy"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "log_loss", "balanced_accuracy", "f1")
    label_forms: ClassVar[tuple[str, ...]] = ("integer", "one_hot")

    def _check_names(self) -> None:
        if len(self.names) < 2:
            raise InputError("task", f"classes: expected at least two, got {len(self.names)}")

    def y(self, values: Any) -> np.ndarray:
        return checked_ids(values, len(self.names))

    def encode_labels(self, y: np.ndarray, form: str) -> np.ndarray:
        super().encode_labels(y, form)
        ids = self.y(y)
        return np.eye(len(self.names), dtype=np.float32)[ids] if form == "one_hot" else ids

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> dict[str, float]:
        train, ids = self.y(y_train), self.y(y)
        if not len(train) or not len(ids):
            return {}
        return of_classes(train, ids, len(self.names))

    def read(self, outputs: np.ndarray, from_logits: bool = True) -> Predictions:
        found = self._outputs(outputs)
        if from_logits:
            powers = np.exp(found - found.max(axis=1, keepdims=True, initial=-np.inf))
        else:
            powers = checked(found, from_logits=False)
            sums = powers.sum(axis=1)
            if len(sums) and np.abs(sums - 1).max() > 10 * ROUNDING:
                raise InputError(
                    "from_logits",
                    f"expected probabilities that sum to 1, got sums from {sums.min():.4g} to "
                    f"{sums.max():.4g}; let the model end in softmax, or give logits",
                )
        shares = powers / powers.sum(axis=1, keepdims=True)
        ids = found.argmax(axis=1).astype(np.int32)
        return Predictions(self.kind, self.names, ids, shares)


def checked_ids(values: Any, classes: int) -> np.ndarray:
    """Class ids as int32 [n].

    Raises:
      InputError: they are not whole numbers from 0 to classes - 1, of the shape [n] or [n, 1].
    """
    found = np.asarray(values)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1 or found.dtype.kind not in "buif":
        raise InputError(
            "task", f"expected class ids of shape [n], got {found.dtype} {list(found.shape)}"
        )
    wrong = ~((found >= 0) & (found < classes) & (found == np.floor(found)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            "task", f"expected class ids from 0 to {classes - 1}, got {found[row]} in row {row}"
        )
    return found.astype(np.int32)


def of_classes(train: np.ndarray, ids: np.ndarray, classes: int) -> dict[str, float]:
    """What is reached by always guessing the most frequent class, or the classes' frequencies.

    The majority class has recall 1, the other classes 0; its precision is its share p, so that
    its F1 is 2p / (1 + p). Both means are over the classes that are in the samples or guessed.
    The log loss is -sum_c share_c log frequency_c.
    """
    counts = np.bincount(train, minlength=classes)
    shares = np.bincount(ids, minlength=classes) / len(ids)
    guess = int(counts.argmax())
    right, present = float(shares[guess]), np.flatnonzero(shares)
    frequencies = np.clip(counts / counts.sum(), CLIP, 1.0 - CLIP)
    return {
        "accuracy": right,
        "balanced_accuracy": float(right > 0) / len(present),
        "f1": 2 * right / (1 + right) / len({*present.tolist(), guess}),
        "log_loss": float(-(shares * np.log(frequencies)).sum()),
    }
