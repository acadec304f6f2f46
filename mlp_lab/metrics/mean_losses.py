"""The losses, averaged over all samples."""

from collections.abc import Callable
from typing import ClassVar

import keras
from keras import ops

from mlp_lab import losses
from mlp_lab.metrics.decisions import register


class _MeanLoss(keras.metrics.Mean):
    """The mean of a loss over all samples: sum of weight * loss / sum of weights."""

    label_form: ClassVar[str] = "one_hot"
    direction: ClassVar[str] = "min"
    function: ClassVar[Callable]

    def __init__(self, name=None, dtype=None):
        super().__init__(name=name or self.function.__name__, dtype=dtype)

    def values(self, y_true, y_pred):
        """The loss of each sample, [batch, ...]."""
        return self.function(y_true, y_pred)

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(y_true, ops.cast(y_pred, self.dtype))
        return super().update_state(values, sample_weight=sample_weight)


@register
class MeanSquaredError(_MeanLoss):
    """`losses.mean_squared_error`, averaged over all samples."""

    function = staticmethod(losses.mean_squared_error)


class _MeanCrossentropy(_MeanLoss):
    """The mean of a cross-entropy over all samples.

    Args:
      from_logits: whether the outputs are logits rather than probabilities.
      name: by default the function's name.
    """

    def __init__(self, from_logits=False, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.from_logits = from_logits

    def values(self, y_true, y_pred):
        return self.function(y_true, y_pred, self.from_logits)

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits}


@register
class CategoricalCrossentropy(_MeanCrossentropy):
    """`losses.categorical_crossentropy`, averaged over all samples."""

    function = staticmethod(losses.categorical_crossentropy)


@register
class SparseCategoricalCrossentropy(_MeanCrossentropy):
    """`losses.sparse_categorical_crossentropy`, averaged over all samples."""

    label_form: ClassVar[str] = "integer"
    function = staticmethod(losses.sparse_categorical_crossentropy)


@register
class BinaryCrossentropy(_MeanCrossentropy):
    """`losses.binary_crossentropy`, averaged over all samples."""

    function = staticmethod(losses.binary_crossentropy)
