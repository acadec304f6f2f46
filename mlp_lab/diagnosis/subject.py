"""What is diagnosed: a model, a sample of its data, and how it is fitted."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.data.rows import Rows
from mlp_lab.engine.given import Given
from mlp_lab.engine.inputs import unpacked

ROWS = 2048
"""Rows that are sampled."""

_RUN = 32

LABELS = 200_000
"""Labels that are read, from the first on."""


@dataclasses.dataclass(eq=False)
class Subject:
    """A training that is judged.

    Attributes:
      model: compiled, with the explicit step.
      x, y: a sample of the rows it is trained on, NumPy arrays or a structure of them; None if
        they are not known.
      weight: their sample weights, or None.
      labels: labels in the order in which they are fed when nothing is shuffled; None if they are
        not known, or not one array.
      chosen: numbers of the sampled rows among those.
      held_out: labels of the rows that are validated on, or None.
      shuffle: whether rows are shuffled.
      batch_size: rows of a batch.
      steps: steps of the training, as far as they are known.
      flags: whether the user changes it by flags of the command line, or by code.
    """

    model: keras.Model
    x: Any = None
    y: Any = None
    weight: Any = None
    labels: np.ndarray | None = None
    chosen: np.ndarray | None = None
    held_out: np.ndarray | None = None
    shuffle: bool = True
    batch_size: int = 32
    steps: int = 0
    flags: bool = False

    def words(self, flag: str, code: str) -> str:
        """What to change: a flag for who uses flags and there is one, else a line of code."""
        return flag if self.flags and flag else code


def subject_of(model: keras.Model, given: Given, flags: bool = False) -> Subject:
    """What is known of a `fit` before it starts; x and y are None for data drawn one by one."""
    subject = Subject(model, batch_size=given.batch_size or 32, flags=flags)
    subject.shuffle = bool(given.shuffle)
    parts = [part for part in given.data if part is not None]
    leaves = tf.nest.flatten(parts)
    if not parts or not all(map(_sliceable, leaves)) or len({len(a) for a in leaves}) != 1:
        return subject
    rows = len(leaves[0])
    if given.validation_split and given.validation_data is None:
        kept = int(rows * (1 - given.validation_split))
        subject.held_out = _labels(given.data[1], kept, rows)
        rows = kept
    elif given.validation_data is not None:
        subject.held_out = _labels(unpacked(given.validation_data)[1], 0, LABELS)
    chosen = _chosen(rows, any(isinstance(a, Rows) for a in leaves))
    x, y, weight = (tf.nest.map_structure(lambda a: _rows(a, chosen), p) for p in given.data)
    subject.x, subject.y, subject.weight, subject.chosen = x, y, weight, chosen
    subject.labels = _labels(given.data[1], 0, min(rows, LABELS))
    subject.batch_size = min(subject.batch_size, rows)
    return subject


def _sliceable(array: Any) -> bool:
    known = isinstance(array, np.ndarray | Rows | tf.Tensor)
    return known and np.ndim(array) > 0 and len(array) > 0 and array.dtype != object


def _chosen(rows: int, in_files: bool) -> np.ndarray:
    """Numbers of the rows that are sampled, ascending; no generator of others moves."""
    if rows <= ROWS:
        return np.arange(rows)
    rng = np.random.default_rng(0)
    if not in_files:
        return np.sort(rng.choice(rows, ROWS, replace=False))
    starts = np.sort(rng.choice(rows // _RUN, ROWS // _RUN, replace=False)) * _RUN
    return (starts[:, None] + np.arange(_RUN)).reshape(-1)  # neighbors are read in one go


def _rows(array: Any, chosen: np.ndarray) -> Any:
    if array is None:
        return None
    if isinstance(array, Rows):
        runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
        return np.concatenate([np.asarray(array[int(r[0]) : int(r[-1]) + 1]) for r in runs])
    return np.asarray(array)[chosen]


def _labels(y: Any, first: int, last: int) -> np.ndarray | None:
    """Labels of these rows in order, if they are one array."""
    if y is None or isinstance(y, dict | list | tuple) or not _sliceable(y):
        return None
    return np.asarray(y[first:last])


def iterate(structure: Any) -> Iterator[np.ndarray]:
    """All arrays of a structure."""
    yield from (np.asarray(a) for a in tf.nest.flatten(structure) if a is not None)
