"""Outputs and labels as the losses compute with them."""

import keras
from keras import ops

register = keras.saving.register_keras_serializable("mlp_lab.losses")

# Probabilities are clipped this far from 0 and 1 before the logarithm, as in Keras.
EPSILON = 1e-7


def outputs(y_pred):
    """Outputs as a float32 or float64 tensor; losses use at least float32.

    In float16 and bfloat16, 1 - EPSILON is 1, and the logarithm of 1 - p is infinite.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    wide = keras.backend.standardize_dtype(y_pred.dtype) in ("float32", "float64")
    return y_pred if wide else ops.cast(y_pred, "float32")


def like(y_true, y_pred):
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
