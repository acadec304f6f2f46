"""Several learned features for each number: what the kinds share."""

import math

import keras
from keras import ops

from mlp_lab.layers.checks import at_least


class NumericalEmbedding(keras.layers.Layer):
    """The number itself and `dim` - 1 learned features: (x_j, features_j(x_j) @ kernel_j + bias_j).

    Inputs [n, d] give outputs [n, d * dim], column by column. A subclass computes `features`,
    [n, d, width]. The kernel is [d, width, dim - 1], the bias [d, dim - 1], both at first uniform
    in +-1 / sqrt(width). It computes in the precision of the weights: float32 where the model
    computes in half precision, because features change fast with x.
    """

    def __init__(self, dim, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.dim = at_least("dim", dim, 2)
        self.kernel = self.bias = None

    def width(self):
        """Number of features of one number."""
        raise NotImplementedError

    def features(self, x):
        """Features [n, d, width] of numbers [n, d]."""
        raise NotImplementedError

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                f"{self.name}: expected inputs [batch, columns] with a known number of columns, "
                f"got shape {tuple(input_shape)}; give the inputs a static last dimension"
            )
        columns, width = input_shape[-1], self.width()
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: columns})
        bound = 1 / math.sqrt(width)
        for name, shape in (
            ("kernel", (columns, width, self.dim - 1)),
            ("bias", (columns, self.dim - 1)),
        ):
            uniform = keras.initializers.RandomUniform(-bound, bound)
            setattr(self, name, self.add_exact_weight(name, shape, uniform))

    def add_exact_weight(self, name, shape, initializer):
        """Adds a weight that is not rounded to the precision of the model."""
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

    def call(self, inputs):
        x = ops.cast(inputs, self.variable_dtype)
        learned = ops.einsum("njw,jwk->njk", self.features(x), self.kernel) + self.bias
        outputs = ops.concatenate([ops.expand_dims(x, -1), learned], axis=-1)
        outputs = ops.reshape(outputs, (-1, self.dim * x.shape[-1]))
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] * self.dim)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}
