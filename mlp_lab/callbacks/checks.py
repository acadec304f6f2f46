"""What several callbacks check about the model."""

import keras
import tensorflow as tf

from mlp_lab.models import GlassBox


def check_glass_box(callback: keras.callbacks.Callback, model: keras.Model) -> None:
    """Checks that a callback can see the training step of its model.

    Raises:
      TypeError: the model is not a `GlassBox`; the message says how to make it one.
    """
    if isinstance(model, GlassBox):
        return
    cls = type(model)
    name, base = cls.__name__, cls.__bases__[0].__name__
    if cls.__module__.startswith("keras."):
        name, base = "Net", cls.__name__
    raise TypeError(
        f"{type(callback).__name__}: expected a model with an explicit training step, got a "
        f"{cls.__name__}, which hides its gradients; write `class {name}"
        f"(mlp_lab.GlassBox, keras.{base}):` in place of keras.{base}"
    )


def finite_weights(model: keras.Model) -> bool:
    """Whether all trainable weights are finite."""
    return all(
        bool(tf.reduce_all(tf.math.is_finite(weight.value))) for weight in model.trainable_weights
    )
