"""Loading saved models."""

import os
from collections.abc import Mapping
from typing import Any

import keras

# Imported to register their classes with Keras: saved models refer to them by name.
from mlp_lab import (  # noqa: F401
    activations,
    layers,
    learning_rates,
    losses,
    metrics,
    optimizers,
)


def load_model(
    path: str | os.PathLike,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> keras.Model:
    """Loads a saved model with its loss, metrics, optimizer and optimizer state.

    `keras.saving.load_model` in safe mode, with all classes of the lab registered. Your
    own model, loss or metric is found if its class is decorated with
    `keras.saving.register_keras_serializable()` and its module has been imported, or if it is
    among `custom_objects`.

    Args:
      path: a `model.keras` file.
      custom_objects: your own classes and functions by name.
      compile: whether to compile the model as it was; without that it can only predict.

    Raises:
      TypeError: a class in it is neither registered nor given.
      ValueError: Keras did not save the file, or it contains code.
    """
    try:
        return keras.saving.load_model(
            os.fspath(path),
            None if custom_objects is None else dict(custom_objects),
            compile=compile,
            safe_mode=True,
        )
    except KeyError as error:
        raise ValueError(f"{os.fspath(path)!r}: not a file that Keras saved ({error})") from error
