"""Losses, each as a function of samples and as a Keras loss.

A function takes the labels and outputs of one batch and returns one value per sample.
The class of the same name averages these over the batch, with sample weights if
given, like every `keras.losses.Loss`. float16 and bfloat16 outputs are computed in
float32.

The attribute `label_form` of a class names the labels that it expects: `"one_hot"`,
in the shape of the outputs, or `"integer"`, one class index per sample. The
cross-entropies take probabilities, or logits with `from_logits=True`. Train with
logits: they are numerically stable, with a finite value and gradient at logits of
+-1e4 and far beyond.

Logarithms are natural.
"""

from collections.abc import Callable
from typing import ClassVar

import keras
from keras import ops

_register = keras.saving.register_keras_serializable("mlp_lab.losses")

# Probabilities are clipped this far from 0 and 1 before the logarithm, as in Keras.
EPSILON = 1e-7


def _outputs(y_pred):
    """Outputs as a float32 or float64 tensor; losses use at least float32.

    In float16 and bfloat16, 1 - EPSILON is 1, and the logarithm of 1 - p is infinite.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    wide = keras.backend.standardize_dtype(y_pred.dtype) in ("float32", "float64")
    return y_pred if wide else ops.cast(y_pred, "float32")


def _like(y_true, y_pred):
    """Labels in the outputs' dtype and shape; [batch] becomes [batch, 1]."""
    y_true = ops.cast(y_true, y_pred.dtype)
    if len(y_true.shape) == len(y_pred.shape) - 1 and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, axis=-1)
    if len(y_true.shape) != len(y_pred.shape) or any(
        a is not None and b is not None and a != b
        for a, b in zip(y_true.shape, y_pred.shape, strict=True)
    ):
        raise ValueError(
            f"expected labels of the outputs' shape {tuple(y_pred.shape)}, got "
            f"{tuple(y_true.shape)}; for class indices use sparse_categorical_crossentropy, "
            "or one-hot encode them"
        )
    return y_true


def mean_squared_error(y_true, y_pred):
    """mean_j (y_true_j - y_pred_j)^2 per sample.

    Its average over a batch is the mean over all entries, which equals the squared
    2-norm of the difference divided by (batch * outputs).

    Args:
      y_true: [batch, ..., n].
      y_pred: the same shape.

    Returns:
      [batch, ...]; gradient with respect to y_pred: 2 * (y_pred - y_true) / n.
    """
    y_pred = _outputs(y_pred)
    y_true = _like(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def _log_probabilities(y_pred, from_logits):
    """log p along the last axis, from logits (log softmax) or probabilities."""
    if from_logits:
        shifted = y_pred - ops.stop_gradient(ops.max(y_pred, axis=-1, keepdims=True))
        return shifted - ops.log(ops.sum(ops.exp(shifted), axis=-1, keepdims=True))
    total = ops.sum(y_pred, axis=-1, keepdims=True)
    return ops.log(ops.clip(y_pred / total, EPSILON, 1.0 - EPSILON))


def categorical_crossentropy(y_true, y_pred, from_logits=False):
    """-sum_j y_true_j * log p_j per sample.

    Args:
      y_true: one-hot labels or class probabilities, [batch, ..., classes].
      y_pred: the same shape; logits z with p = softmax(z), or probabilities, which
        are first divided by their sum.
      from_logits: whether y_pred are logits.

    Returns:
      [batch, ...]; gradient with respect to logits: softmax(z) - y_true, if the
      labels sum to 1.
    """
    y_pred = _outputs(y_pred)
    y_true = _like(y_true, y_pred)
    return -ops.sum(y_true * _log_probabilities(y_pred, from_logits), axis=-1)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False):
    """-log p_y per sample: `categorical_crossentropy` for class indices.

    Args:
      y_true: class index per sample, [batch, ...] or [batch, ..., 1].
      y_pred: [batch, ..., classes]; logits, or probabilities (divided by their sum).
      from_logits: whether y_pred are logits.

    Returns:
      [batch, ...]; NaN for an index outside 0 ... classes - 1, so that a wrong
      label is noticed instead of learned.
    """
    y_pred = _outputs(y_pred)
    y_true = ops.cast(y_true, "int32")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_true.shape) != len(y_pred.shape) - 1:
        raise ValueError(
            f"expected one class index per output {tuple(y_pred.shape)}, got labels of shape "
            f"{tuple(y_true.shape)}; for one-hot labels use categorical_crossentropy"
        )
    classes = y_pred.shape[-1]
    # A product with the one-hot row, not a gather: its gradient is dense algebra,
    # which XLA fuses and which costs the same as for one-hot labels.
    chosen = ops.one_hot(y_true, classes, dtype=y_pred.dtype)
    losses = -ops.sum(chosen * _log_probabilities(y_pred, from_logits), axis=-1)
    valid = ops.logical_and(y_true >= 0, y_true < classes)
    return ops.where(valid, losses, ops.cast(float("nan"), y_pred.dtype))


def binary_crossentropy(y_true, y_pred, from_logits=False):
    """mean_j of -y_j log p_j - (1 - y_j) log(1 - p_j) per sample.

    Args:
      y_true: [batch, ..., n], each entry in [0, 1].
      y_pred: the same shape; logits z with p = sigmoid(z), or probabilities.
      from_logits: whether y_pred are logits.

    Returns:
      [batch, ...]; gradient with respect to logits: (sigmoid(z) - y_true) / n.
    """
    y_pred = _outputs(y_pred)
    y_true = _like(y_true, y_pred)
    if from_logits:
        # -log sigmoid(z) = softplus(-z) and -log(1 - sigmoid(z)) = softplus(z).
        losses = y_true * ops.softplus(-y_pred) + (1.0 - y_true) * ops.softplus(y_pred)
    else:
        p = ops.clip(y_pred, EPSILON, 1.0 - EPSILON)
        losses = -y_true * ops.log(p) - (1.0 - y_true) * ops.log(1.0 - p)
    return ops.mean(losses, axis=-1)


@_register
class MeanSquaredError(keras.losses.Loss):
    """`mean_squared_error`, averaged over the batch: the mean over all entries."""

    label_form: ClassVar[str] = "one_hot"

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        return mean_squared_error(y_true, y_pred)


class _Crossentropy(keras.losses.Loss):
    """A function of labels, outputs and `from_logits`, averaged over the batch.

    Args:
      from_logits: whether the outputs are logits rather than probabilities.
      reduction: as in `keras.losses.Loss`.
      name: by default the function's name.
    """

    function: ClassVar[Callable]

    def __init__(self, from_logits=False, reduction="sum_over_batch_size", name=None, dtype=None):
        super().__init__(name=name or self.function.__name__, reduction=reduction, dtype=dtype)
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred, self.from_logits)

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits}


@_register
class CategoricalCrossentropy(_Crossentropy):
    """`categorical_crossentropy`, averaged over the batch."""

    label_form: ClassVar[str] = "one_hot"
    function = staticmethod(categorical_crossentropy)


@_register
class SparseCategoricalCrossentropy(_Crossentropy):
    """`sparse_categorical_crossentropy`, averaged over the batch."""

    label_form: ClassVar[str] = "integer"
    function = staticmethod(sparse_categorical_crossentropy)


@_register
class BinaryCrossentropy(_Crossentropy):
    """`binary_crossentropy`, averaged over the batch."""

    label_form: ClassVar[str] = "one_hot"
    function = staticmethod(binary_crossentropy)
