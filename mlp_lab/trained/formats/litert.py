"""LiteRT, once TensorFlow Lite, run by its own interpreter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlp_lab.trained.formats.extra import imported

FILE = "model.tflite"


def needs() -> None:
    """Raises `InputError` where a package is missing."""
    imported("ai_edge_litert.interpreter", "litert")


def write(model: keras.Model, signature: list[Any], path: Path) -> None:
    """Writes the model."""
    model.export(str(path), format="litert", input_signature=signature, verbose=False)


def runner(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What runs it; the interpreter is resized to each batch."""
    module = imported("ai_edge_litert.interpreter", "litert")
    interpreter = module.Interpreter(model_path=str(path))
    given = interpreter.get_input_details()[0]["index"]

    def run(x: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(given, x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given, x)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run
