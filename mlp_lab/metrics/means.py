"""The mean of a value of each sample."""

from typing import ClassVar

import keras
from keras import ops

from mlp_lab.metrics.decisions import weights


class MeanOfValues(keras.metrics.Metric):
    """sum of weight * value / sum of weights, in float64.

    A subclass computes in `values` a number for each sample. Before the first sample, the result
    is 0.
    """

    label_form: ClassVar[str] = "one_hot"
    direction: ClassVar[str] = "min"

    def __init__(self, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype="float64", name="total")
        self.count = self.add_variable((), "zeros", dtype="float64", name="count")

    def values(self, y_true, y_pred):
        """The value of each sample, [batch, ...]."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = ops.cast(self.values(y_true, y_pred), "float64")
        weight = weights(sample_weight, values)
        # Not 0 * NaN: a sample of weight 0 is one that does not exist.
        self.total.assign_add(ops.sum(ops.where(weight == 0, 0.0, weight * values)))
        self.count.assign_add(ops.sum(weight))

    def mean(self):
        """The mean of all samples, float64."""
        return ops.divide_no_nan(self.total, self.count)

    def result(self):
        return ops.cast(self.mean(), self.dtype)
