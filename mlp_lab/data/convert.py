"""Writes a data set as shards, from any supported form."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.data.catalogue import DatasetInfo
from mlp_lab.data.csv_rows import csv_chunks
from mlp_lab.data.folder import find_files, read_arrays
from mlp_lab.data.rows import Rows
from mlp_lab.data.shards import ROWS_PER_SHARD, write_shards

_ROWS_PER_CHUNK = 4096


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    info: DatasetInfo,
    test: str | os.PathLike[str] | None = None,
    rows_per_shard: int = ROWS_PER_SHARD,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, int]:
    """Writes a data set as a folder of shards, a few thousand rows at a time.

    Args:
      source: a folder as for `--data_dir`, an .npz file or, with `test`, the training images as
        CSV (see `csv_chunks`). Plain IDX and npy files are never held in memory as a whole.
      target: the folder to write; see `write_shards`.
      info: size of the images and number of classes.
      test: the test images as CSV.
      rows_per_shard: rows in every file of a part except the last.
      overwrite: whether to replace an existing folder of shards.
      say: told how CSV files were read.

    Returns:
      The number of rows in "train" and "test".

    Raises:
      DataFault: the source cannot be used, or the target cannot be written.
    """
    parts: dict[str, Iterable[dict[str, np.ndarray]]]
    path = Path(os.path.expanduser(os.fspath(source)))
    if test is not None:
        parts = {"train": csv_chunks(path, info, say), "test": csv_chunks(test, info, say)}
    else:
        arrays = read_arrays(find_files(path, info), info, memory_mb=0)
        parts = {
            part: _chunks(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test")
        }
    return write_shards(target, parts, rows_per_shard, overwrite)


def _chunks(x: np.ndarray | Rows, y: Any) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(x), _ROWS_PER_CHUNK):
        rows = slice(start, start + _ROWS_PER_CHUNK)
        yield {"x": x[rows], "y": y[rows].astype(np.uint8)}
