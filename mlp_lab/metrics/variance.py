"""The share of variance that is explained."""

from typing import ClassVar

import keras
import tensorflow as tf
from keras import ops

from mlp_lab.losses.tensors import like
from mlp_lab.metrics.decisions import register, weights

_ROUNDING = 1e-13
"""Labels that differ by less, relative to their mean, do not vary; float32 tells 6e-8 apart."""


@register
class R2(keras.metrics.Metric):
    """1 - sum (y_true - y_pred)^2 / sum (y_true - mean(y_true))^2, the mean over the outputs.

    1 for perfect outputs, 0 for outputs that are always the mean of the labels, negative for
    worse ones. For labels that do not vary it is 1 if the outputs are exact, otherwise 0, as in
    sklearn.metrics.r2_score, which it equals. Before the first sample, the result is 0.

    The spread of the labels is not computed from sums of squares, in which that of 1,000,000 +- 1
    would be lost, but from means and sums of squared deviations of batches, which are merged
    exactly (Chan, Golub and LeVeque, 1979): W = W_a + W_b, d = m_b - m_a,
    m = m_a + d W_b / W, M = M_a + M_b + d^2 W_a W_b / W. Each replica keeps its own, in a row, so
    that the rows add up.

    Args:
      num_outputs: how many numbers the model predicts for each sample.
    """

    label_form: ClassVar[str] = "one_hot"
    direction: ClassVar[str] = "max"

    def __init__(self, num_outputs=1, name="r2", dtype=None):
        super().__init__(name=name, dtype=dtype)
        whole = isinstance(num_outputs, int) and not isinstance(num_outputs, bool)
        if not whole or num_outputs < 1:
            raise ValueError(
                f"num_outputs: expected a whole number of at least 1, got {num_outputs!r}"
            )
        self.num_outputs = num_outputs
        self._replicas = tf.distribute.get_strategy().num_replicas_in_sync
        # Of each replica and output: the weight, the mean, the sum of squared deviations.
        shape = (self._replicas, 3, num_outputs)
        self.moments = self.add_variable(shape, "zeros", dtype="float64", name="moments")
        self.errors = self.add_variable((num_outputs,), "zeros", dtype="float64", name="errors")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.cast(y_pred, "float64")
        y_true = like(y_true, y_pred)
        if y_pred.shape[-1] not in (None, self.num_outputs):
            raise ValueError(
                f"{self.name}: expected {self.num_outputs} outputs, got {y_pred.shape[-1]}; write "
                f"R2(num_outputs={y_pred.shape[-1]})"
            )
        # A weight belongs to a sample and not to one of its outputs.
        weight = ops.reshape(weights(sample_weight, y_true[..., 0]), (-1, 1))
        y_true, y_pred = (ops.reshape(y, (-1, self.num_outputs)) for y in (y_true, y_pred))
        errors = ops.where(weight == 0, 0.0, weight * ops.square(y_true - y_pred))
        self.errors.assign_add(ops.sum(errors, axis=0))
        own = ops.one_hot(self._row(), self._replicas, dtype="float64")[:, None, None]
        before = ops.sum(own * ops.convert_to_tensor(self.moments), axis=0)
        self.moments.assign_add(own * (_merged(before, _moments(y_true, weight)) - before)[None])

    def _row(self):
        """The number of the replica that this is."""
        context = tf.distribute.get_replica_context()
        return 0 if self._replicas == 1 or context is None else context.replica_id_in_sync_group

    def result(self):
        rows = ops.convert_to_tensor(self.moments)
        total = rows[0]
        for row in range(1, self._replicas):
            total = _merged(total, rows[row])
        weight, mean, spread = total[0], total[1], total[2]
        errors = ops.convert_to_tensor(self.errors)
        varies = spread > weight * ops.square(_ROUNDING * mean)
        exact = ops.cast(ops.logical_and(errors == 0, weight > 0), "float64")
        share = ops.where(varies, 1.0 - ops.divide_no_nan(errors, spread), exact)
        # NaN among the outputs or labels shows.
        share = ops.where(ops.isnan(errors + spread), float("nan"), share)
        return ops.cast(ops.mean(share), self.dtype)

    def get_config(self):
        return {**super().get_config(), "num_outputs": self.num_outputs}


def _moments(values, weight):
    """Weight, mean and sum of squared deviations of each column, [3, columns]."""
    values = ops.where(weight == 0, 0.0, values)
    total = ops.sum(weight) * ops.ones_like(values[0])
    # From the first value on, whose distance to the others has all its digits.
    mean = ops.divide_no_nan(ops.sum(weight * values, axis=0), total)
    return ops.stack([total, mean, ops.sum(weight * ops.square(values - mean), axis=0)])


def _merged(a, b):
    """The moments of two sets of samples together."""
    weight = a[0] + b[0]
    apart, share = b[1] - a[1], ops.divide_no_nan(b[0], weight)
    return ops.stack([weight, a[1] + apart * share, a[2] + b[2] + ops.square(apart) * a[0] * share])
