"""The batches that a learning rate is tried on: drawn apart from those of `fit`."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.data.rows import Rows, rows_of_block

# Most bytes of the data of one call.
_BYTES = 32 * 2**20


class Batches:
    """Batches of arrays in several orders, each of which can be drawn again.

    Orders are those of NumPy's generator with a seed of its own: no generator of the process is
    used, and nothing of the data is. Every row is taken once before any is taken again.

    Args:
      arrays: x, (x,), (x, y) or (x, y, sample_weight), nested: arrays or `Rows` [n, ...].
      batch: rows of a batch, at most n.
      most: steps of any one order that will be drawn. Of `Rows`, only about the rows that these
        need are read, from blocks all over the files.

    Attributes:
      batch: rows of a batch.
      per_call: steps that may run in one call, so that its data are not too large.
      labeled: whether there is a y.
    """

    def __init__(self, arrays: Any, batch: int, most: int):
        leaves = tf.nest.flatten(arrays)
        self.batch = batch
        chosen = _chosen(leaves, batch * most)
        self._arrays = tf.nest.map_structure(lambda leaf: _read(leaf, chosen), arrays)
        self._rows = (
            len(leaves[0]) if chosen is None else sum(stop - start for start, stop in chosen)
        )
        row_bytes = sum(a[:1].nbytes for a in tf.nest.flatten(self._arrays))
        self.per_call = max(_BYTES // max(row_bytes * batch, 1), 1)
        self.labeled = isinstance(arrays, tuple) and len(arrays) > 1

    @property
    def per_epoch(self) -> int:
        """Whole batches in a pass over the rows."""
        return self._rows // self.batch

    def piece(self, order: int, start: int, steps: int, mixed: bool = False) -> Any:
        """The batches of some steps, one after another.

        Args:
          order: its number, from 0.
          start: the first step.
          steps: how many.
          mixed: whether each row's x is that of another row, the same one every time: what is
            then learned of y is learned without x.

        Returns:
          Tensors [steps * batch, ...] in the structure of the arrays.
        """
        first, last = start * self.batch, (start + steps) * self.batch
        size = self.per_epoch * self.batch
        passes = [
            np.random.default_rng([order, number]).permutation(self._rows)[:size]
            for number in range(first // size, -(-last // size))
        ]
        index = np.concatenate(passes)[first % size :][: last - first]
        if not mixed:
            return self._take(self._arrays, index)
        x, *others = self._arrays
        partner = np.random.default_rng([order]).permutation(self._rows)
        return (self._take(x, partner[index]), *self._take(tuple(others), index))

    def _take(self, arrays: Any, index: np.ndarray) -> Any:
        return tf.nest.map_structure(lambda array: tf.convert_to_tensor(array[index]), arrays)


def _chosen(leaves: list[Any], needed: int) -> list[tuple[int, int]] | None:
    """Which rows of files are read, from start to stop; None for all."""
    files = [leaf for leaf in leaves if isinstance(leaf, Rows)]
    rows = len(leaves[0])
    if not files or needed >= rows:
        return None
    block = min(min(rows_of_block(leaf.files.row_bytes) for leaf in files), needed)
    count = math.ceil(needed / block)
    starts = np.random.default_rng(0).permutation(rows // block)[:count]
    return [(int(start) * block, int(start + 1) * block) for start in sorted(starts)]


def _read(leaf: Any, chosen: list[tuple[int, int]] | None) -> np.ndarray:
    if chosen is None or not isinstance(leaf, Rows):
        array = np.asarray(leaf)
        return array if chosen is None else np.concatenate([array[a:b] for a, b in chosen])
    return np.concatenate([leaf[start:stop] for start, stop in chosen])
