"""Losses, each as a function of samples and as a Keras loss.

A function takes the labels and outputs of one batch and returns one value per sample.
The class of the same name averages these over the batch, with sample weights if
given, like every `keras.losses.Loss`. float16 and bfloat16 outputs are computed in
float32.

The attribute `label_form` of a class names the labels that it expects: `"one_hot"`,
in the shape of the outputs (numbers and several labels too), or `"integer"`, one class
index per sample. The cross-entropies take probabilities, or logits with
`from_logits=True`. Train with logits: they are numerically stable, with a finite value
and gradient at logits of +-1e4 and far beyond.

Logarithms are natural.
"""

from mlp_lab.losses.absolute import MeanAbsoluteError, mean_absolute_error
from mlp_lab.losses.binary import BinaryCrossentropy, binary_crossentropy
from mlp_lab.losses.categorical import CategoricalCrossentropy, categorical_crossentropy
from mlp_lab.losses.hubers import Huber, huber
from mlp_lab.losses.sparse import SparseCategoricalCrossentropy, sparse_categorical_crossentropy
from mlp_lab.losses.squared import MeanSquaredError, mean_squared_error
from mlp_lab.losses.standardized import Standardized
from mlp_lab.losses.tensors import EPSILON

__all__ = [
    "EPSILON",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "Standardized",
    "binary_crossentropy",
    "categorical_crossentropy",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]
