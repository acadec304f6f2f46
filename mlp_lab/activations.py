"""Activation functions, each as a function and as a layer.

The functions take and return tensors of any shape. Each layer class applies the
function of the same name and can be placed between other layers;
`Dense(activation=...)` accepts either, or a name.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

_register = keras.saving.register_keras_serializable("mlp_lab.activations")


@_register
def sigmoid(x):
    """Logistic function, 1 / (1 + exp(-x)), in (0, 1); derivative s * (1 - s)."""
    return ops.sigmoid(x)


@_register
def softmax(x, axis=-1):
    """Probabilities exp(x_i) / sum_j exp(x_j) along `axis`; they sum to 1.

    The maximum is subtracted before the exponential: the result is the same and
    exp never overflows. The gradient treats the maximum as a constant and remains
    d s_i / d x_j = s_i * (1[i = j] - s_j).
    """
    shifted = ops.exp(x - ops.stop_gradient(ops.max(x, axis=axis, keepdims=True)))
    return shifted / ops.sum(shifted, axis=axis, keepdims=True)


@_register
def tanh(x):
    """Hyperbolic tangent, 2 * sigmoid(2x) - 1, in (-1, 1); derivative 1 - tanh(x)^2."""
    return ops.tanh(x)


@_register
def relu(x):
    """max(0, x); derivative 1 for x > 0, else 0. NaN stays NaN.

    A unit whose input is negative for every sample receives no gradient: it is dead.
    """
    return ops.relu(x)


@_register
def leaky_relu(x, alpha=0.2):
    """max(0, x) + alpha * min(0, x); derivative 1 for x > 0, else alpha.

    The slope alpha preserves a gradient for negative inputs, so units do not die.
    """
    x = ops.convert_to_tensor(x)
    if not keras.backend.is_float_dtype(x.dtype):
        x = ops.cast(x, keras.config.floatx())  # as an integer, alpha would be 0
    # `where`, not max and min, because their gradients would add up at x = 0.
    return ops.where(x > 0, x, ops.convert_to_tensor(alpha, x.dtype) * x)


class _Activation(keras.layers.Layer):
    """A layer without weights that applies a function and keeps the input's shape."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True  # the input's mask is valid for the output

    def compute_output_shape(self, input_shape):
        return input_shape


@_register
class Sigmoid(_Activation):
    """`sigmoid` as a layer."""

    def call(self, inputs):
        return sigmoid(inputs)


@_register
class Softmax(_Activation):
    """`softmax` as a layer.

    Args:
      axis: the axis along which the outputs sum to 1.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        return softmax(inputs, self.axis)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@_register
class Tanh(_Activation):
    """`tanh` as a layer."""

    def call(self, inputs):
        return tanh(inputs)


@_register
class ReLU(_Activation):
    """`relu` as a layer."""

    def call(self, inputs):
        return relu(inputs)


@_register
class LeakyReLU(_Activation):
    """`leaky_relu` as a layer.

    Args:
      alpha: slope for negative inputs, at least 0.
    """

    def __init__(self, alpha=0.2, **kwargs):
        super().__init__(**kwargs)
        if alpha < 0:
            raise ValueError(f"alpha: expected a slope of at least 0, got {alpha}")
        self.alpha = alpha

    def call(self, inputs):
        return leaky_relu(inputs, self.alpha)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


_FUNCTIONS = {f.__name__: f for f in (sigmoid, softmax, tanh, relu, leaky_relu)}


def get(identifier: Any) -> Callable | None:
    """Returns the activation for an identifier.

    Args:
      identifier: None (no activation), a name from this module, any identifier
        that `keras.activations.get` accepts, a serialized activation, a layer or
        another callable.

    Returns:
      A callable from a tensor to a tensor of the same shape, or None.

    Raises:
      ValueError: the identifier is not a known activation.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]
    if inspect.isclass(identifier):
        name = identifier.__name__
        raise ValueError(
            f"activation: expected a function or a layer, got the class {name}; "
            f"make an instance, {name}()"
        )
    return keras.activations.get(identifier)


def serialize(activation: Callable | None) -> Any:
    """Returns a form of `activation` that JSON can hold and `get` accepts."""
    return None if activation is None else keras.saving.serialize_keras_object(activation)
