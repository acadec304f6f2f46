"""The fully connected layer."""

import math
from typing import Any

import keras
from keras import ops

from mlp_lab import activations, initializers


@keras.saving.register_keras_serializable("mlp_lab.layers")
class Dense(keras.layers.Layer):
    """A fully connected layer: activation(inputs @ kernel + bias).

    Inputs [..., d] give outputs [..., units]; the kernel is [d, units], the bias [units].
    Both are created by the first call, when d is known.

    With the NTK parametrization (Jacot et al., Neural Tangent Kernel, 2018) it is
    activation(inputs / sqrt(d) @ kernel + bias), and the initial kernel is sqrt(d) times what the
    initializer draws. The layer starts equal; steps that do not depend on the size of a gradient,
    such as Adam's, then change the outputs of wide and narrow layers alike. Regularizers and
    constraints see the kernel, without the division.

    Args:
      units: number of outputs, at least 1.
      activation: name, function or layer applied to the sum (see
        `mlp_lab.activations.get`); None for no activation.
      use_bias: whether to add a bias.
      kernel_initializer: initial kernel (see `mlp_lab.initializers.get`).
      bias_initializer: initial bias.
      kernel_regularizer: penalty on the kernel, added to the loss; any Keras
        regularizer or its name.
      bias_regularizer: penalty on the bias.
      kernel_constraint: projection of the kernel after every update; any Keras
        constraint or its name.
      bias_constraint: projection of the bias.
      parametrization: "standard" or "ntk".

    Raises:
      ValueError: units is below 1, or there is no such parametrization; in the first call, the
        inputs have rank 0 or 1, or an unknown last dimension.
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        parametrization="standard",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"units: expected a whole number of at least 1, got {units!r}")
        if parametrization not in ("standard", "ntk"):
            raise ValueError(f"parametrization: expected standard or ntk, got {parametrization!r}")
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.parametrization = parametrization
        self.kernel: Any = None
        self.bias: Any = None
        self.supports_masking = True  # the inputs' mask is valid for the outputs

    def build(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"{self.name}: expected inputs [batch, ..., features] with a known number of "
                f"features, got shape {tuple(input_shape)}; add a Flatten layer before it or "
                "give the inputs a static last dimension"
            )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self._ntk_kernel if self._is_ntk else self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    @property
    def _is_ntk(self):
        return self.parametrization == "ntk"

    def _ntk_kernel(self, shape, dtype=None):
        return self.kernel_initializer(shape, dtype=dtype) * math.sqrt(shape[0])

    def call(self, inputs):
        if self._is_ntk:
            inputs = ops.multiply(inputs, 1 / math.sqrt(self.kernel.shape[0]))
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            # Not ops.add: TensorFlow's BiasAdd would sum its gradient in half precision.
            outputs = outputs + self.bias
        if self.activation is not None:
            outputs = self.activation(outputs)
        return outputs

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "parametrization": self.parametrization,
        }
