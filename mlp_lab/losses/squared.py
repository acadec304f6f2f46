"""The mean squared error."""

from typing import ClassVar

import keras
from keras import ops

from mlp_lab.losses.tensors import like, outputs, register


def mean_squared_error(y_true, y_pred):
    """mean_j (y_true_j - y_pred_j)^2 per sample.

    Its average over a batch is the mean over all entries, which equals the squared
    2-norm of the difference divided by (batch * outputs).

    Args:
      y_true: [batch, ..., n].
      y_pred: the same shape.

    Returns:
      [batch, ...]; gradient with respect to y_pred: 2 * (y_pred - y_true) / n.
    """
    y_pred = outputs(y_pred)
    y_true = like(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@register
class MeanSquaredError(keras.losses.Loss):
    """`mean_squared_error`, averaged over the batch: the mean over all entries."""

    label_form: ClassVar[str] = "one_hot"

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        return mean_squared_error(y_true, y_pred)
