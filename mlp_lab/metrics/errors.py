"""Errors of numbers, in the unit of the labels."""

from typing import ClassVar

from keras import ops

from mlp_lab import losses
from mlp_lab.losses.hubers import check_delta
from mlp_lab.metrics.decisions import register
from mlp_lab.metrics.means import MeanOfValues


def _wide(y_pred):
    # A difference of float32 numbers is exact in float64, also of 1,000,001 and 1,000,000.
    return ops.cast(y_pred, "float64")


@register
class MeanAbsoluteError(MeanOfValues):
    """The mean of |y_true - y_pred| over all samples and outputs."""

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def values(self, y_true, y_pred):
        return losses.mean_absolute_error(y_true, _wide(y_pred))


@register
class RootMeanSquaredError(MeanOfValues):
    """sqrt(mean of (y_true - y_pred)^2), the mean over all samples and outputs.

    The root of the `MeanSquaredError`, as Keras' metric of this name.
    """

    direction: ClassVar[str] = "min"

    def __init__(self, name="rmse", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def values(self, y_true, y_pred):
        return losses.mean_squared_error(y_true, _wide(y_pred))

    def result(self):
        return ops.cast(ops.sqrt(self.mean()), self.dtype)


@register
class Huber(MeanOfValues):
    """`losses.huber`, averaged over all samples.

    Args:
      delta: the error, above 0, in the unit of the labels, from which it grows linearly.
    """

    def __init__(self, delta=1.0, name="huber", dtype=None):
        super().__init__(name=name, dtype=dtype)
        check_delta(delta)
        self.delta = delta

    def values(self, y_true, y_pred):
        return losses.huber(y_true, _wide(y_pred), self.delta)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}
