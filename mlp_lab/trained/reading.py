"""Outputs of a classifier, read as classes and probabilities."""

from __future__ import annotations

import dataclasses

import numpy as np

from mlp_lab.errors import InputError


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a model says of some rows.

    Attributes:
      ids: int64 [n], the class of the highest probability.
      probabilities: float64 [n, classes].
      names: of the classes.
    """

    ids: np.ndarray
    probabilities: np.ndarray
    names: tuple[str, ...]

    def labels(self) -> list[str]:
        """The name of each row's class."""
        return [self.names[i] for i in self.ids]

    def columns(self) -> dict[str, np.ndarray]:
        """By name: the class, and the probability of each."""
        each = {f"p({name})": self.probabilities[:, i] for i, name in enumerate(self.names)}
        return {"class": np.array(self.labels(), dtype=str), **each}


def read(outputs: np.ndarray, from_logits: bool, names: tuple[str, ...]) -> Predictions:
    """Reads outputs as those of classes.

    One output z, of class 1 of two, gives p = sigmoid(z); k outputs give softmax(z). Without
    logits, they are the probabilities.

    Raises:
      InputError: they are not probabilities, but said to be.
    """
    z = outputs.astype(np.float64)
    if z.ndim != 2:
        raise InputError("", f"expected a classifier's outputs [n, classes], got {list(z.shape)}")
    if z.shape[1] == 1:
        if from_logits:
            z = np.concatenate([np.zeros_like(z), z], axis=1)
        else:
            z = np.concatenate([1 - z, z], axis=1)
    if from_logits:
        z = np.exp(z - z.max(axis=1, keepdims=True))
    elif np.any((z < -1e-6) | (z > 1 + 1e-6)):
        raise InputError(
            "from_logits", "expected probabilities from 0 to 1; the model's outputs are logits"
        )
    p = z / np.maximum(z.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return Predictions(p.argmax(axis=1), p, names)
