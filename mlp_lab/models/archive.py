"""Checks a saved model before anything of it is unpacked or made."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import h5py
import numpy as np

from mlp_lab.data.npz import InPieces
from mlp_lab.regular import open_regular

# Keras packs nothing; others may pack a model again, and weights shrink little. An optimizer that
# has not made a step is saved without its slots, which loading makes.
_MOST_EXPANSION = 4
_FREE_BYTES = 16 * 1024**2
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"


def check(path: Path) -> int:
    """Refuses a file that claims more than it holds.

    Args:
      path: a .keras or .h5 file.

    Returns:
      The bytes that the model's variables may take, by what the file holds.

    Raises:
      ValueError, OSError, zipfile.BadZipFile: it is not a saved model, or it claims too much.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if path.suffix in (".h5", ".hdf5"):
            stored = _check_hdf5(file, size)
        elif path.suffix == ".keras":
            stored = _check_zip(file, size)
        else:
            raise ValueError("expected a .keras or .h5 file")
    return _MOST_EXPANSION * stored + _FREE_BYTES


def _check_zip(file: BinaryIO, size: int) -> int:
    pieces = InPieces(file)
    with zipfile.ZipFile(cast(IO[bytes], pieces)) as archive:
        pieces.most = size
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > _MOST_EXPANSION * size + _FREE_BYTES:
            raise ValueError(f"its {size:,} bytes claim to unpack to {unpacked:,}")
        for member in members:
            # The other methods unpack without a bound.
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{member.filename!r} is packed in a way that Keras does not use")
        for name in (_CONFIG, _WEIGHTS):
            if name not in archive.namelist():
                raise ValueError(f"not a file that Keras saved (it has no {name})")
        with archive.open(_WEIGHTS) as weights:
            return _check_hdf5(weights, archive.getinfo(_WEIGHTS).file_size)


def _check_hdf5(file: Any, size: int) -> int:
    """Compares what the arrays claim with the size of the HDF5 file; returns the bytes stored."""
    claimed = 0
    with h5py.File(file, "r") as opened:
        for dataset in _datasets(opened):
            if dataset.dtype.hasobject:
                raise ValueError(f"{dataset.name!r} holds something other than numbers")
            claimed += int(np.prod(dataset.shape, dtype=object)) * dataset.dtype.itemsize
            if claimed > _MOST_EXPANSION * size + _FREE_BYTES:
                raise ValueError(f"{dataset.name!r}: {size:,} bytes claim to hold {claimed:,}")
    return max(size, claimed)


def _datasets(file: h5py.File) -> Iterator[h5py.Dataset]:
    """All arrays, each once; no link is followed to other files, and no stack grows."""
    groups, seen = [file["/"]], set()
    while groups:
        group = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue  # Keras refuses them
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(found, h5py.Group):
                groups.append(found)
            elif isinstance(found, h5py.Dataset) and found.shape is not None:
                yield found
