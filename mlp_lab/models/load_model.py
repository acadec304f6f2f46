"""Loading what a run saved."""

import os

import keras

# Imported for their registrations: a saved model names these classes.
from mlp_lab import (  # noqa: F401
    activations,
    layers,
    learning_rates,
    losses,
    metrics,
    optimizers,
)


def load_model(path: str | os.PathLike) -> keras.Model:
    """Loads a saved model with its compiled loss, metrics, optimizer and its state.

    `keras.saving.load_model` in safe mode, with all classes of the lab at hand. A
    model, loss or metric of your own is found if its class is decorated with
    `keras.saving.register_keras_serializable()` and its module was imported.

    Args:
      path: a `model.keras` file.

    Raises:
      TypeError: a class in it is not registered.
      ValueError: not a file that Keras saved, or one that holds code.
    """
    try:
        return keras.saving.load_model(os.fspath(path), safe_mode=True)
    except KeyError as error:
        raise ValueError(f"{os.fspath(path)!r}: not a file that Keras saved ({error})") from error
