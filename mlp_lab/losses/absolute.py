"""The mean absolute error."""

from typing import ClassVar

import keras
from keras import ops

from mlp_lab.losses.tensors import like, outputs, register


def mean_absolute_error(y_true, y_pred):
    """mean_j |y_true_j - y_pred_j| per sample.

    Its minimum over constants is the median, so that outliers pull less than in the squared
    error.

    Args:
      y_true: [batch, ..., n].
      y_pred: the same shape.

    Returns:
      [batch, ...]; gradient with respect to y_pred: sign(y_pred - y_true) / n, 0 where they
      are equal.
    """
    y_pred = outputs(y_pred)
    y_true = like(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@register
class MeanAbsoluteError(keras.losses.Loss):
    """`mean_absolute_error`, averaged over the batch: the mean over all entries."""

    label_form: ClassVar[str] = "one_hot"

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        return mean_absolute_error(y_true, y_pred)
