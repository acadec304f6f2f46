"""Exports a trained model, and keeps the export only if its own runtime gives the same outputs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlp_lab.errors import InputError, RunError
from mlp_lab.trained.formats import FORMATS
from mlp_lab.trained.labeled import read_npz
from mlp_lab.trained.subject import Subject, subject

CARD = "card.json"
LEAST_ROWS, MOST_ROWS = 256, 1024
# Greatest difference that is allowed, as a share of the outputs' spread.
TOLERANCE = 1e-4
_BATCHES = (1, 7)


def export(
    path: str | os.PathLike[str],
    format: str = "saved_model",
    out: str | os.PathLike[str] | None = None,
    data: str | None = None,
    checkpoint: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Exports a trained model; inputs keep the type that they had in training.

    The export is loaded by its own runtime (TensorFlow, ONNX Runtime, LiteRT) and compared with
    the Keras model on at least 256 rows of real data, together and in batches of 1 and 7.

    Args:
      path: a run's folder, or a .keras file.
      format: saved_model, onnx or litert.
      out: the folder to write; by default export/FORMAT in the run's folder.
      data: an npz file with x, to compare on; by default the run's test set.
      checkpoint: whether to use the last checkpoint of a run that has not ended.
      say: told what the user should know.

    Returns:
      The folder, with the model and card.json: classes, inputs, outputs, flags, metrics, versions.

    Raises:
      InputError: the model, the data or the folder cannot be used, or an extra is not installed.
      RunError: the outputs differ by more than 1e-4 of their spread, or a predicted class does;
        the export has been deleted.
    """
    if format not in FORMATS:
        raise InputError("format", f"expected {', '.join(FORMATS)}, got {format!r}")
    form: Any = FORMATS[format]
    form.needs()
    found = subject(path, checkpoint)
    for note in found.notes:
        say(note)
    x = _rows(found, data, say)
    default = found.run.path if found.run.path.is_dir() else found.run.path.parent
    folder = Path(out).expanduser() if out is not None else default / "export" / format
    if folder.exists():
        raise InputError("out", f"{str(folder)!r} already exists; remove it, or give another --out")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError("out", f"{str(folder)!r} cannot be made ({error.strerror})") from error
    try:
        difference = _write(found, form, folder, x)
        card = _card(found, format, x, difference)
        (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise InputError("out", f"{str(folder)!r} cannot be written ({error})") from error
        raise
    say(
        f"{folder / form.FILE}: outputs of {len(x)} rows differ by {difference:.2g} at most, "
        f"batches of {' and '.join(map(str, _BATCHES))} too"
    )
    return folder


def _rows(found: Subject, data: str | None, say: Callable[[str], None]) -> np.ndarray:
    if data is None:
        x = found.test_data(say)[0]
    else:
        arrays = read_npz(data)
        if "x" not in arrays:
            raise InputError("data", f"{data!r}: expected an array x, got {', '.join(arrays)}")
        x = arrays["x"]
    if len(x) < LEAST_ROWS:
        raise InputError("data", f"expected at least {LEAST_ROWS} rows to compare on, got {len(x)}")
    return found.check(np.asarray(x[:MOST_ROWS]))


def _write(found: Subject, form: Any, folder: Path, x: np.ndarray) -> float:
    """Writes the model and compares; returns the greatest difference."""
    signature = [keras.InputSpec(shape=(None, *x.shape[1:]), dtype=str(x.dtype), name="inputs")]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the converters' own
        form.write(found.model, signature, folder / form.FILE)
        run = form.runner(folder / form.FILE)
    expected = np.concatenate([found.outputs(x[i : i + 256]) for i in range(0, len(x), 256)])
    middle = 0.0 if found.from_logits else 0.5
    return compared(run, x, expected, found.names(expected.shape[-1]), middle)


def compared(
    run: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    expected: np.ndarray,
    names: tuple[str, ...],
    middle: float = 0.0,
) -> float:
    """The greatest difference between what a runtime and Keras give.

    Raises:
      RunError: it is greater than 1e-4 of the outputs' spread, or a predicted class differs.
    """
    spread = float(expected.max() - expected.min())
    greatest = 0.0
    for size in (len(x), *_BATCHES):
        for start in range(0, min(len(x), len(x) if size == len(x) else 4 * size), size):
            part, want = x[start : start + size], expected[start : start + size]
            got = np.asarray(run(part))
            if got.shape != want.shape:
                raise RunError(
                    f"the export gives {list(got.shape)} for {len(part)} rows, Keras "
                    f"{list(want.shape)}; it has been deleted"
                )
            difference = float(np.abs(got - want).max())
            greatest = max(greatest, difference)
            if not difference <= TOLERANCE * spread:
                raise RunError(
                    f"the export differs from the Keras model by {difference:.3g} in outputs whose "
                    f"spread is {spread:.3g}; it has been deleted"
                )
            classes = _classes(want, middle)
            changed = np.flatnonzero(_classes(got, middle) != classes)
            if changed.size:
                row = start + int(changed[0])
                raise RunError(
                    f"the export predicts another class for row {row}, not "
                    f"{names[classes[changed[0]]]!r}; it has been deleted"
                )
    return greatest


def _classes(outputs: np.ndarray, middle: float) -> np.ndarray:
    """The class of each row; of a single output, whether it is above the middle."""
    single = outputs.shape[1] == 1
    return (outputs[:, 0] > middle).astype(int) if single else outputs.argmax(axis=1)


def _card(found: Subject, format: str, x: np.ndarray, difference: float) -> dict[str, Any]:
    """What a program that runs the export must know, and where the model comes from."""
    record = found.run.record
    outputs = found.outputs(x[:1]).shape[-1]
    return {
        "format": format,
        "task": "classes" if outputs > 1 else "binary",
        "inputs": {"name": "inputs", "dtype": str(x.dtype), "shape": [None, *x.shape[1:]]},
        "outputs": {"dtype": "float32", "shape": [None, outputs],
                    "form": "logits" if found.from_logits else "probabilities"},
        "class_names": list(found.names(outputs)),
        "schema": found.run.schema,
        "compared": {"rows": len(x), "batch_sizes": [len(x), *_BATCHES],
                     "greatest_difference": difference},
        "data": record.get("data", {}),
        "flags": record.get("config", {}),
        "metrics": record.get("metrics", {}),
        "versions": record.get("versions", {}),
    }  # fmt: skip
