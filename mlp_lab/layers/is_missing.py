"""Which numbers are missing."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("mlp_lab.layers")
class IsMissing(keras.layers.Layer):
    """1 where an input is NaN, else 0; inputs and outputs [...]."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        return ops.cast(ops.isnan(inputs), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape
