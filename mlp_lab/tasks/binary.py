"""One of two classes."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tasks.base import Task, probabilities
from mlp_lab.tasks.classes import checked_ids, of_classes
from mlp_lab.tasks.predictions import Predictions


@dataclasses.dataclass(frozen=True, repr=False)
class Binary(Task):
    """Each sample is negative or positive, and the model has one output: for positive.

    `names` are (negative, positive). The probability of positive is sigmoid(logit); above 0.5,
    which is above the logit 0, the prediction is positive.

    Example:

    >>> from mlp_lab.tasks import Binary
    >>> Binary(("no", "yes")).read(np.array([[2.0], [-1.0]])).labels()
    ['yes', 'no']
    """

    kind: ClassVar[str] = "binary"
    loss: ClassVar[str] = "binary_crossentropy"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "log_loss", "balanced_accuracy", "f1", "auc")

    def _check_names(self) -> None:
        if len(self.names) != 2:
            raise InputError(
                "task", f"binary: expected two names, negative and positive, got {len(self.names)}"
            )

    @property
    def num_outputs(self) -> int:
        return 1

    def y(self, values: Any) -> np.ndarray:
        return checked_ids(values, 2).astype(np.float32)[:, None]

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> dict[str, float]:
        train, ids = checked_ids(y_train, 2), checked_ids(y, 2)
        if not len(train) or not len(ids):
            return {}
        both = 0 < ids.sum() < len(ids)
        # All samples have the same score: each pair of a positive and a negative counts 1/2.
        return {**of_classes(train, ids, 2), "auc": 0.5 if both else 0.0}

    def read(self, outputs: np.ndarray, from_logits: bool = True) -> Predictions:
        found = self._outputs(outputs)[:, 0]
        p = probabilities(found, from_logits)
        # Not p > 0.5: a logit of 1e-17 has a probability that rounds to 0.5.
        ids = (found > (0.0 if from_logits else 0.5)).astype(np.int32)
        negative = probabilities(-found, True) if from_logits else 1.0 - p
        return Predictions(self.kind, self.names, ids, np.stack([negative, p], axis=1))
