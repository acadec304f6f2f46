"""Writes values of any kind below one folder, for TensorBoard."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.callbacks.template import summary
from mlp_lab.folders import Folder
from mlp_lab.probes.statistics import Statistics, summarize
from mlp_lab.writers import Writer


class Recorder:
    """The event files of a training.

    Args:
      folder: for the subfolders, one for each group of values, such as `train`.
      owner: of the files; see `Writer`.
    """

    def __init__(self, folder: Folder, owner: str):
        self._folder = folder
        self.owner = owner
        self._writers: dict[str, Writer] = {}
        self.texts: dict[str, str] = {}
        """The texts written so far: a text is written only when it changes."""

    def write(self, group: str, step: int, values: Iterable[tuple[str, Any]]) -> None:
        """Writes values by tag: scalars, histograms with moments, and texts; see `Probe.read`."""
        scalars: dict[str, float] = {}
        arrays: dict[str, Statistics] = {}
        texts: dict[str, str] = {}
        for tag, value in values:
            for part, plain in _plain(tag, value):
                if isinstance(plain, str):
                    texts[part] = plain
                elif plain.ndim == 0:
                    scalars[part] = float(plain)
                else:
                    found = summarize(plain)
                    arrays[part] = found
                    scalars.update({f"{part}/{k}": v for k, v in found.moments.items()})
                    if found.nan:
                        scalars[f"{part}/nan"] = found.nan
                    if found.infinite:
                        scalars[f"{part}/infinite"] = found.infinite
        if scalars or arrays:
            self._writer(group).raw(summary(scalars, arrays), step)
        for tag, text in texts.items():
            if self.texts.get(tag) != text:
                self.texts[tag] = text
                self._writer(group).text(tag, text, step)

    def flush(self) -> None:
        """Writes everything so far to the files."""
        for writer in list(self._writers.values()):
            writer.flush()

    def close(self) -> None:
        """Closes the files; the next write starts new ones."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, group: str) -> Writer:
        if group not in self._writers:
            self._writers[group] = Writer(self._folder / group, self.owner)
        return self._writers[group]


def _plain(tag: str, value: Any) -> Iterable[tuple[str, Any]]:
    """The value as strings and arrays of real numbers, by tag; nothing for other kinds."""
    if isinstance(value, tf.SparseTensor | tf.IndexedSlices):
        value = value.values
    elif isinstance(value, tf.RaggedTensor):
        value = value.flat_values
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _plain(f"{tag}/{name}", part)
        return
    try:
        array = np.asarray(value)
    except ValueError:  # a list of arrays of several shapes
        for number, part in enumerate(value):
            yield from _plain(f"{tag}/{number}", part)
        return
    if isinstance(value, str) or (array.ndim == 0 and array.dtype.kind in "SU"):
        yield tag, value if isinstance(value, str) else str(tf.compat.as_text(array.item()))
    elif array.dtype.kind == "c":
        yield f"{tag}/real", array.real
        yield f"{tag}/imag", array.imag
    elif array.dtype.kind == "O":
        if value is not None and not isinstance(array.item(0) if array.size else None, str | bytes):
            with contextlib.suppress(TypeError, ValueError):  # no numbers
                yield tag, array.astype(np.float64)
    elif array.dtype.kind not in "SUmM":
        yield tag, array
