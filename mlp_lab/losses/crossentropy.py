"""What the cross-entropies share: log-probabilities, label smoothing, the class."""

from collections.abc import Callable
from typing import ClassVar

import keras
from keras import ops

from mlp_lab.losses.tensors import EPSILON


def log_probabilities(y_pred, from_logits):
    """log p along the last axis, from logits (log softmax) or probabilities."""
    if from_logits:
        shifted = y_pred - ops.stop_gradient(ops.max(y_pred, axis=-1, keepdims=True))
        return shifted - ops.log(ops.sum(ops.exp(shifted), axis=-1, keepdims=True))
    total = ops.sum(y_pred, axis=-1, keepdims=True)
    return ops.log(ops.clip(y_pred / total, EPSILON, 1.0 - EPSILON))


def smoothed(y_true, label_smoothing, classes):
    """(1 - s) * y_true + s / classes: a share s of each label goes to all classes alike."""
    check_smoothing(label_smoothing)
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def check_smoothing(label_smoothing):
    """Raises a ValueError if it is not a number from 0 to below 1."""
    number = isinstance(label_smoothing, int | float) and not isinstance(label_smoothing, bool)
    if not number or not 0 <= label_smoothing < 1:
        raise ValueError(
            f"label_smoothing: expected a number from 0 to below 1, got {label_smoothing!r}"
        )


class Crossentropy(keras.losses.Loss):
    """A function of labels, outputs and `from_logits`, averaged over the batch.

    Args:
      from_logits: whether the outputs are logits rather than probabilities.
      reduction: as in `keras.losses.Loss`.
      name: by default the function's name.
      label_smoothing: the share of each label that is given to all classes alike, from 0 to
        below 1 (Szegedy et al., 2016).
    """

    function: ClassVar[Callable]

    def __init__(
        self,
        from_logits=False,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        label_smoothing=0.0,
    ):
        super().__init__(name=name or self.function.__name__, reduction=reduction, dtype=dtype)
        check_smoothing(label_smoothing)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred, self.from_logits, self.label_smoothing)

    def get_config(self):
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}
