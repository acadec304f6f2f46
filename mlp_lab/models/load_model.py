"""Loading saved models."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

# Imported to register their classes with Keras: saved models refer to them by name.
from mlp_lab import (  # noqa: F401
    activations,
    layers,
    learning_rates,
    losses,
    metrics,
    optimizers,
)
from mlp_lab.errors import one_line
from mlp_lab.folders import folder, scheme_of
from mlp_lab.models import archive
from mlp_lab.models.budget import limited


class ModelFileError(ValueError):
    """A saved model cannot be loaded; the message says which and why, on one line.

    `__cause__` is the error of Keras, or of another library, if there was one.
    """

    def __init__(self, path: str | os.PathLike, problem: str):
        super().__init__(one_line(f"{os.fspath(path)!r} cannot be loaded: {problem}"))


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

    A file from others costs no more than its size allows: it is refused if it unpacks to more than
    4 times its size, or its arrays or the variables of the model that it describes take more than
    a few times what it holds (16 MiB are free).

    Args:
      path: a `model.keras` file, or one in Keras' older form, `.h5`; also on a file system that
        TensorFlow reads (`gs://`).
      custom_objects: your own classes and functions by name.
      compile: whether to compile the model as it was; without that it can only predict.

    Raises:
      ModelFileError: whatever the reason (a `ValueError`): there is no such file, Keras did not
        save it, it contains code, a class in it is neither registered nor given, or it claims
        more than it holds.
    """
    try:
        with _local(os.fspath(path)) as local, limited(archive.check(local)) as budget:
            try:
                return keras.saving.load_model(
                    str(local),
                    None if custom_objects is None else dict(custom_objects),
                    compile=compile,
                    safe_mode=True,
                )
            except Exception as error:
                if not budget.exceeded:
                    raise
                raise ValueError(
                    f"its variables would take {budget.used:,} bytes, more than {budget.most:,}, "
                    "the limit for what it holds"
                ) from error
    except Exception as error:  # a damaged file leads to errors of any kind
        raise ModelFileError(path, _reason(error)) from error


@contextlib.contextmanager
def _local(path: str) -> Iterator[Path]:
    """The file, or a copy of one of another file system."""
    if scheme_of(path) is None:
        yield Path(path)
        return
    source = folder(path, "path")
    with tempfile.TemporaryDirectory() as copies:
        copy = Path(copies) / source.name
        tf.io.gfile.copy(str(source), str(copy))
        yield copy


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    text = str(getattr(error, "strerror", None) or error)
    if isinstance(error, ValueError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
