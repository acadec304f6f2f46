"""TensorFlow's SavedModel, which TensorFlow Serving takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FILE = "saved_model"


def needs() -> None:
    """Nothing beyond TensorFlow."""


def write(model: keras.Model, signature: list[Any], path: Path) -> None:
    """Writes the model."""
    model.export(
        str(path), format="tf_saved_model", input_signature=signature, verbose=False
    )  # fmt: skip


def runner(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What runs it: TensorFlow, by the signature that Serving calls."""
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]

    def run(x: np.ndarray) -> np.ndarray:
        (output,) = serve(**{name: tf.constant(x)}).values()
        return output.numpy()

    run.loaded = loaded  # type: ignore[attr-defined]  # else its variables are freed
    return run
