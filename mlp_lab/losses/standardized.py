"""A loss of errors in standard deviations, for outputs in the target's unit."""

import math

import keras
import numpy as np

from mlp_lab.losses.tensors import like, outputs, register


@register
class Standardized(keras.losses.Loss):
    """A loss of y_true / scale and y_pred / scale.

    The model's outputs and the labels are in the unit of the target; the loss does not depend
    on that unit. With the standard deviation as scale, a mean squared error of 1 is that of a
    model that always gives the mean.

    A loss that depends on more than y_true - y_pred, as a relative error does, is of the
    divided values too.

    Args:
      loss: any `keras.losses.Loss`. Its reduction is used.
      scale: a number above 0, or one for each output.
      name: by default "standardized_" and the name of the loss.
      dtype: by default that of the loss.
    """

    def __init__(self, loss, scale, name=None, dtype=None):
        if isinstance(loss, dict):  # of get_config
            loss = keras.saving.deserialize_keras_object(loss)
        if not isinstance(loss, keras.losses.Loss):
            raise ValueError(f"loss: expected a keras.losses.Loss, got {loss!r}")
        name = name or f"standardized_{loss.name}"
        super().__init__(name=name, reduction=loss.reduction, dtype=dtype or loss.dtype)
        self.loss = loss
        self.scale = _checked(scale)

    @property
    def label_form(self):
        """The form of labels that the loss states; the shape of the outputs if it states none."""
        return getattr(self.loss, "label_form", "one_hot")

    def call(self, y_true, y_pred):
        y_pred = outputs(y_pred)
        y_true = like(y_true, y_pred)
        size = y_pred.shape[-1]
        if isinstance(self.scale, tuple) and size not in (None, len(self.scale)):
            raise ValueError(f"expected {len(self.scale)} outputs, one for each scale, got {size}")
        scale = keras.ops.convert_to_tensor(self.scale, dtype=y_pred.dtype)
        return self.loss.call(y_true / scale, y_pred / scale)

    def get_config(self):
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "scale": list(self.scale) if isinstance(self.scale, tuple) else self.scale,
            "name": self.name,
        }


def _checked(scale):
    """A float or a tuple of floats, all above 0."""
    found = np.asarray(scale)
    if found.ndim > 1 or not found.size or found.dtype.kind not in "iuf":
        raise ValueError(f"scale: expected a number, or one for each output, got {scale!r}")
    values = tuple(float(value) for value in found.ravel())
    if not all(0 < value < math.inf for value in values):
        raise ValueError(f"scale: expected finite numbers above 0, got {scale!r}")
    return values if found.ndim else values[0]
