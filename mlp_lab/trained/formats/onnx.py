"""ONNX, run by ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlp_lab.trained.formats.extra import imported

FILE = "model.onnx"


def needs() -> None:
    """Raises `InputError` where a package is missing."""
    for module in ("onnx", "tf2onnx", "onnxruntime"):
        imported(module, "onnx")


def write(model: keras.Model, signature: list[Any], path: Path) -> None:
    """Writes the model."""
    model.export(str(path), format="onnx", input_signature=signature, verbose=False)


def runner(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What runs it."""
    runtime = imported("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]
