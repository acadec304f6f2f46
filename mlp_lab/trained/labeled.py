"""Labeled rows from a file, to evaluate on."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.data.streams import MAX_ARRAY_BYTES
from mlp_lab.errors import InputError

_X, _Y = ("x", "x_test", "images"), ("y", "y_test", "labels")


def read_labeled(path: str) -> tuple[Any, np.ndarray]:
    """The arrays x and y, or x_test and y_test, of an npz file.

    Raises:
      InputError: it is no such file, or does not hold them.
    """
    arrays = read_npz(path)
    x = next((arrays[name] for name in _X if name in arrays), None)
    y = next((arrays[name] for name in _Y if name in arrays), None)
    if x is None or y is None:
        raise InputError(
            "data", f"{path!r}: expected arrays x and y, got {', '.join(arrays) or 'none'}"
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y) or not len(x):
        raise InputError(
            "data",
            f"{path!r}: expected x [n, ...] and y [n], got {list(x.shape)} and {list(y.shape)}",
        )
    return x, y


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an npz file; nothing is unpickled."""
    found = Path(path).expanduser()
    if not found.is_file():
        raise InputError("data", f"there is no file {path!r}")
    try:
        with zipfile.ZipFile(found) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise InputError("data", f"{path!r} unpacks to {size:,} bytes; give a .npy file")
        with np.load(found, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except InputError:
        raise
    except Exception as error:  # a damaged archive leads to errors of any kind
        raise InputError("data", f"{path!r} is not an npz file of numbers ({error})") from None


def class_ids(labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Labels as class numbers, int64 [n]: numbers, or names of classes.

    Raises:
      InputError: a label is none of the model's classes.
    """
    if labels.dtype.kind in "US":
        known = {name: number for number, name in enumerate(names)}
        unknown = sorted(set(labels.astype(str).tolist()) - set(known))
        if unknown:
            raise InputError("data", f"label {unknown[0]!r} is none of {', '.join(names)}")
        return np.array([known[label] for label in labels.astype(str)], np.int64)
    wrong = np.ones(len(labels), bool)
    if labels.dtype.kind in "iufb":
        wrong = ~((labels >= 0) & (labels < len(names)) & (labels == np.floor(labels)))
    if wrong.any():
        raise InputError(
            "data",
            f"row {int(wrong.argmax())}: label {labels[wrong.argmax()]!s}, expected 0 to "
            f"{len(names) - 1}, or names of classes",
        )
    return labels.astype(np.int64)
