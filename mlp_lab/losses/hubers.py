"""Huber's loss: squared for small errors, absolute for large ones."""

import math
from typing import ClassVar

import keras
from keras import ops

from mlp_lab.losses.tensors import like, outputs, register


def huber(y_true, y_pred, delta=1.0):
    """mean_j h(y_true_j - y_pred_j) per sample.

    h(e) = e^2 / 2 if |e| <= delta, else delta * (|e| - delta / 2) (Huber, 1964).

    Args:
      y_true: [batch, ..., n].
      y_pred: the same shape.
      delta: the error, above 0, from which the loss grows linearly.

    Returns:
      [batch, ...]; gradient with respect to y_pred: the error y_pred - y_true, clipped to
      [-delta, delta], divided by n.
    """
    check_delta(delta)
    y_pred = outputs(y_pred)
    y_true = like(y_true, y_pred)
    error = ops.abs(y_true - y_pred)
    # With the part up to delta squared and the rest linear; the square of a huge error, which
    # `where` would compute too, could be infinite and its gradient NaN.
    small = ops.minimum(error, delta)
    return ops.mean(small * (error - 0.5 * small), axis=-1)


def check_delta(delta):
    """Raises a ValueError if it is not a finite number above 0."""
    number = isinstance(delta, int | float) and not isinstance(delta, bool)
    if not number or not 0 < delta < math.inf:
        raise ValueError(f"delta: expected a finite number above 0, got {delta!r}")


@register
class Huber(keras.losses.Loss):
    """`huber`, averaged over the batch.

    Args:
      delta: the error, above 0, from which the loss grows linearly.
    """

    label_form: ClassVar[str] = "one_hot"

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_delta(delta)
        self.delta = delta

    def call(self, y_true, y_pred):
        return huber(y_true, y_pred, self.delta)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}
