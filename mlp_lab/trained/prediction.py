"""Predicts rows with a trained model, piece by piece, and writes what it says of them."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.folders import replacing
from mlp_lab.trained.reading import Predictions, read
from mlp_lab.trained.rows import pieces
from mlp_lab.trained.subject import Subject, subject

_CHUNK = 4096
# Rows that cannot be read and are named one by one.
_TOLD = 20


def predict(
    path: str | os.PathLike[str],
    data: str,
    out: str,
    strict: bool = False,
    checkpoint: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Predicts rows of a file, and writes class and probability of each class.

    Rows are read, predicted and written in pieces, so that data may be larger than memory (npz
    files and the npz and npy output are held).

    Args:
      path: a run's folder, or a .keras file.
      data: a .csv, .npy or .npz file, a folder of pictures, or "-" for CSV from standard input.
      out: a .csv or .npz file (row, class, probabilities), .npy (the probabilities alone), or "-"
        for CSV to standard output.
      strict: whether to refuse rows that cannot be read, instead of skipping them.
      checkpoint: whether to use the last checkpoint of a run that has not ended.
      say: told which rows are skipped.

    Returns:
      How many rows were predicted.

    Raises:
      InputError: the model or the data cannot be used, or `out` cannot be written.
    """
    if out != "-" and Path(out).suffix.lower() not in (".csv", ".npz", ".npy"):
        raise InputError("out", f"expected a .csv, .npz or .npy file, or -, got {out!r}")
    found = subject(path, checkpoint)
    for note in found.notes:
        say(note)
    shape = found.shape or _input_shape(found)
    source = pieces(data, shape, found.dtype == "uint8", _CHUNK)
    rows = skipped = 0
    with closing(source), _writer(out) as write:
        for piece in source:
            for place, why in piece.skipped:
                if strict:
                    raise InputError("data", f"{place}: {why}")
                skipped += 1
                if skipped <= _TOLD:
                    say(f"skipped {place}: {why}")
            if len(piece.x):
                outputs = found.outputs(found.check(piece.x))
                names = found.names(outputs.shape[-1])
                write(piece.ids, read(outputs, found.from_logits, names))
                rows += len(piece.x)
        if not rows:
            raise InputError("data", f"{data!r} has no rows that could be read")
    if skipped:
        say(f"skipped {skipped:,} rows in all, {rows:,} predicted")
    return rows


def _input_shape(found: Subject) -> tuple[int, ...]:
    """The shape of an input that a model remembers."""
    shape: Any = getattr(found.model, "_build_shapes_dict", None) or {}
    one = next(iter(shape.values()), None) if isinstance(shape, dict) else None
    if one is None:
        one = getattr(found.model, "input_shape", None)
    if not isinstance(one, tuple | list) or any(n is None for n in one[1:]):
        raise InputError("", "the model does not say which shape its inputs have")
    return tuple(one[1:])


Write = Callable[[list[str], Predictions], None]


@contextmanager
def _writer(out: str) -> Iterator[Write]:
    """What writes pieces; a file is complete or not there."""
    if out == "-":
        yield _Csv(sys.stdout)
        return
    path = Path(out).expanduser()
    kind = path.suffix.lower()
    try:
        with replacing(path) as file:
            if kind == ".csv":
                text = open(file.fileno(), "w", newline="", encoding="utf-8", closefd=False)  # noqa: SIM115
                with text:
                    yield _Csv(text)
                return
            held = _Held()
            yield held
            held.save(file, kind)
    except OSError as error:
        raise InputError("out", f"{out!r} cannot be written ({error.strerror or error})") from error


class _Csv:
    def __init__(self, file: Any):
        self._rows = csv.writer(file, lineterminator="\n")
        self._headed = False

    def __call__(self, ids: list[str], found: Predictions) -> None:
        columns = found.columns()
        if not self._headed:
            self._rows.writerow(["row", *columns])
            self._headed = True
        values = [_texts(column) for column in columns.values()]
        self._rows.writerows(zip(ids, *values, strict=True))


def _texts(column: np.ndarray) -> list[Any]:
    if column.dtype.kind != "f":
        return column.tolist()
    return [f"{value:.7g}" for value in column.tolist()]


class _Held:
    """All predictions, for files that are written at the end."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._classes: list[np.ndarray] = []
        self._probabilities: list[np.ndarray] = []
        self._names: tuple[str, ...] = ()

    def __call__(self, ids: list[str], found: Predictions) -> None:
        self._ids += ids
        self._classes.append(found.ids)
        self._probabilities.append(found.probabilities.astype(np.float32))
        self._names = found.names

    def save(self, file: Any, kind: str) -> None:
        """Writes them."""
        if not self._classes:
            return
        probabilities = np.concatenate(self._probabilities)
        if kind == ".npy":
            np.save(file, probabilities, allow_pickle=False)
            return
        classes = np.concatenate(self._classes)
        np.savez(
            file, row=np.array(self._ids), class_id=classes, probabilities=probabilities,
            class_names=np.array(self._names), allow_pickle=False,
        )  # fmt: skip
