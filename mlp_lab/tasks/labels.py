"""Any of several labels."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from mlp_lab.tasks.base import Task, log_loss, probabilities
from mlp_lab.tasks.predictions import Predictions


@dataclasses.dataclass(frozen=True, repr=False)
class Labels(Task):
    """Each sample has any number of k labels, and the model an output for each.

    The probability of a label is sigmoid(logit); it applies above 0.5.

    Example:

    >>> from mlp_lab.tasks import Labels
    >>> Labels(("indoors", "night", "people")).read(np.array([[2.0, -1.0, 0.5]])).labels()
    [('indoors', 'people')]
    """

    kind: ClassVar[str] = "labels"
    loss: ClassVar[str] = "binary_crossentropy"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "f1", "auc")

    def y(self, values: Any) -> np.ndarray:
        return self._indicators(values)

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """What is reached by guessing each label's more frequent value, or its frequency.

        All values are means over the labels, as those of the metrics: accuracy is the share of
        right decisions, f1 is over the labels that are in the samples or guessed, auc over those
        that some samples have and some do not.
        """
        train, truth = self.y(y_train), self.y(y)
        if not len(train) or not len(truth):
            return {}
        frequency = train.mean(axis=0, dtype=np.float64)
        share = truth.mean(axis=0, dtype=np.float64)
        guess = frequency > 0.5
        counted = guess | (share > 0)
        f1 = np.where(guess, 2 * share / (1 + share), 0.0)[counted]
        recalls = [np.where(guess, share > 0, 0), np.where(guess, 0, share < 1)]
        present = np.maximum((share > 0).astype(int) + (share < 1), 1)
        return {
            "accuracy": float(np.where(guess, share, 1 - share).mean()),
            "balanced_accuracy": float((np.sum(recalls, axis=0) / present).mean()),
            "f1": float(f1.mean()) if len(f1) else 0.0,
            "auc": 0.5 if ((share > 0) & (share < 1)).any() else 0.0,
            "log_loss": float(log_loss(truth.astype(np.float64), frequency).mean()),
        }

    def read(self, outputs: np.ndarray, from_logits: bool = True) -> Predictions:
        found = self._outputs(outputs)
        applies = found > (0.0 if from_logits else 0.5)
        return Predictions(self.kind, self.names, applies, probabilities(found, from_logits))
