"""Outputs in the unit of the target."""

import keras
from keras import ops

from mlp_lab.layers.checks import equally_long, numbers, positive


@keras.saving.register_keras_serializable("mlp_lab.layers")
class InUnits(keras.layers.Layer):
    """From standardized numbers to the unit of a target: inputs * scale + mean.

    Inputs [..., t] give outputs [..., t], never in half precision: there, a price of 70,000 would
    be infinite.

    Args:
      mean: of each of the t targets in the training data.
      scale: of each target, above 0: its standard deviation.

    Raises:
      ValueError: the two have different lengths, a number is not finite, or a scale is not
        above 0; in a call, the inputs do not have t numbers.
    """

    def __init__(self, mean, scale, **kwargs):
        super().__init__(**kwargs)
        self.mean = numbers("mean", mean)
        self.scale = [positive("scale", value) for value in numbers("scale", scale)]
        equally_long(mean=self.mean, scale=self.scale)
        self.input_spec = keras.layers.InputSpec(axes={-1: len(self.mean)})
        self.supports_masking = True  # the inputs' mask is valid for the outputs

    def call(self, inputs):
        dtype = self.variable_dtype  # float32 in the mixed precisions
        mean, scale = (ops.convert_to_tensor(v, dtype) for v in (self.mean, self.scale))
        return ops.cast(inputs, dtype) * scale + mean

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "scale": self.scale}
