"""A learned factor for each feature."""

from typing import Any

import keras
from keras import ops

from mlp_lab.layers.checks import positive


@keras.saving.register_keras_serializable("mlp_lab.layers")
class Scale(keras.layers.Layer):
    """Multiplies each feature by a factor that is learned: inputs * (1 + rate_factor * change).

    Inputs [..., d] give outputs [..., d]; the weight `change` is [d], at first 0. As the first
    layer it lets training choose how much each input counts (Holzmüller et al., Better by
    Default, 2024, "scaling layer").

    `rate_factor` c makes the factor learn faster without a learning rate of its own. Adam's steps
    do not depend on the size of a gradient, so the factor moves c times as far (6 in that paper);
    under plain gradient descent, c^2 times.

    Args:
      rate_factor: above 0.

    Raises:
      ValueError: rate_factor is not above 0; in the first call, the last dimension is unknown.
    """

    def __init__(self, rate_factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.rate_factor = positive("rate_factor", rate_factor)
        self.change: Any = None
        self.supports_masking = True  # the inputs' mask is valid for the outputs

    def build(self, input_shape):
        if not input_shape or input_shape[-1] is None:
            raise ValueError(
                f"{self.name}: expected inputs [..., features] with a known number of features, "
                f"got shape {tuple(input_shape)}; give the inputs a static last dimension"
            )
        self.input_spec = keras.layers.InputSpec(axes={-1: input_shape[-1]})
        self.change = self.add_weight(
            name="change", shape=(input_shape[-1],), initializer="zeros", autocast=False
        )

    @property
    def scale(self):
        """The factors, [d]."""
        return 1 + self.rate_factor * self.change

    def call(self, inputs):
        # The factor is rounded to half precision, if at all, after the 1 is added.
        inputs, scale = (ops.cast(v, self.compute_dtype) for v in (inputs, self.scale))
        return inputs * scale

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate_factor": self.rate_factor}
