"""Numbers as waves of learned frequencies."""

import math

import keras
from keras import ops

from mlp_lab.layers.checks import at_least, positive
from mlp_lab.layers.numerical_embedding import NumericalEmbedding


@keras.saving.register_keras_serializable("mlp_lab.layers")
class PeriodicEmbedding(NumericalEmbedding):
    """Several learned features for each number, from cosines of learned frequencies.

    Inputs [n, d] give outputs [n, d * dim]; a number x of column j becomes
    (x, cos(2 pi x frequency_j + phase_j) @ kernel_j + bias_j), the embedding "PBLD" of
    Holzmüller et al., Better by Default, 2024. Frequencies and phases are [d, frequencies];
    at first, normal with standard deviation `sigma`, and uniform in +-pi. For inputs of about -3
    to 3, such as `RobustScale` gives.

    Args:
      dim: numbers that stand for one, itself included, at least 2.
      frequencies: cosines for one number, at least 1.
      sigma: above 0; the larger, the finer the differences that the start tells apart.

    Raises:
      ValueError: an argument is out of range; in the first call, the inputs are not [n, d] with a
        known d.
    """

    def __init__(self, dim=4, frequencies=16, sigma=0.1, **kwargs):
        super().__init__(dim, **kwargs)
        self.frequencies = at_least("frequencies", frequencies, 1)
        self.sigma = positive("sigma", sigma)
        self.frequency = self.phase = None

    def width(self):
        return self.frequencies

    def build(self, input_shape):
        super().build(input_shape)
        shape = (input_shape[-1], self.frequencies)
        normal = keras.initializers.RandomNormal(0.0, self.sigma)
        uniform = keras.initializers.RandomUniform(-math.pi, math.pi)
        self.frequency = self.add_exact_weight("frequency", shape, normal)
        self.phase = self.add_exact_weight("phase", shape, uniform)

    def features(self, x):
        return ops.cos(2 * math.pi * ops.expand_dims(x, -1) * self.frequency + self.phase)

    def get_config(self):
        return {**super().get_config(), "frequencies": self.frequencies, "sigma": self.sigma}
