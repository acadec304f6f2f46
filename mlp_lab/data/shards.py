"""Folders of TFRecord shards: rows of several arrays in many files, with one index.

Each row is one record: the row's bytes in every array, little-endian, in the order of the
index. `tf.data.TFRecordDataset` and `tf.io.decode_raw` can read them too. All records of a
folder have the same length, so the position of a row in its file is known.

index.json    describes the arrays; per part ("train", "test") the number of rows, the SHA-256
              of each array, and the shards with `zlib.crc32` of each block of `block_rows` records
train-00000.tfrecord, ...
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.data.faults import DataFault
from mlp_lab.data.rows import MEMORY_MB, RowFiles, Rows, Segment, rows_of_block
from mlp_lab.data.streams import open_regular, read_up_to, reason_of, unreadable

INDEX = "index.json"
ROWS_PER_SHARD = 131_072

_FORMAT = "mlp_lab shards 1"
# Bytes around a row in a record: its length and a checksum of that; then a checksum of the row.
_BEFORE, _AFTER = 12, 4
_MOST_INDEX_BYTES = 64 * 2**20
# Of an index, besides a byte for each byte of the shards; it really has one for some 20,000.
_FREE_INDEX_BYTES = 2**20
_MOST_ARRAYS, _MOST_DIMS = 64, 32
_MOST_ROW_BYTES = 2**30
_SHARD = re.compile(r"[\w-]+\.tfrecord")
_DTYPE = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)")


@dataclass(frozen=True)
class Shards:
    """An open folder of shards.

    Attributes:
      parts: arrays by part and name, `parts["train"]["x"]`.
      sha256: in the same way, the hexadecimal SHA-256 of the bytes of an array's rows.
    """

    parts: Mapping[str, Mapping[str, Rows]]
    sha256: Mapping[str, Mapping[str, str]]


def is_shards(path: Path) -> bool:
    """Whether the path is a folder with an index of shards."""
    return (path / INDEX).is_file()


def open_shards(path: str | os.PathLike[str], memory_mb: int = MEMORY_MB) -> Shards:
    """Opens a folder of shards. The checksum of a block is verified when the block is read.

    Args:
      path: the folder.
      memory_mb: how many MB (of 10^6 bytes) of its rows a pipeline may hold at once.

    Raises:
      DataFault: the index is missing or not valid, or a shard is missing or has the wrong size.
    """
    folder = Path(path)
    index = folder / INDEX
    with open_regular(index) as file:
        try:
            most = min(_FREE_INDEX_BYTES + _shard_bytes(folder), _MOST_INDEX_BYTES)
            text = read_up_to(file.read, most + 1)
        except OSError as error:
            raise unreadable(index, error) from error
    if len(text) > most:
        raise DataFault(index, f"is larger than {most:,} bytes, the limit for its shards")
    try:
        return _opened(folder, json.loads(text), memory_mb)
    except DataFault:
        raise
    # What JSON of another form leads to; RecursionError comes from its parser.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataFault(index, f"is not an index of shards ({reason[:200]})") from error


def _shard_bytes(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(e.stat().st_size for e in entries if _SHARD.fullmatch(e.name) and e.is_file())


def _opened(folder: Path, index: dict[str, Any], memory_mb: int) -> Shards:
    if index["format"] != _FORMAT:
        raise ValueError(f"expected the format {_FORMAT!r}, got {index['format']!r}")
    block_rows, arrays, length = _whole(index["block_rows"], 1), {}, 0
    if len(index["arrays"]) > _MOST_ARRAYS:
        raise ValueError(f"expected at most {_MOST_ARRAYS} arrays, got {len(index['arrays']):,}")
    for array in index["arrays"]:
        # Sizes of any number would take hours to multiply.
        if len(array["shape"]) > _MOST_DIMS:
            raise ValueError(
                f"expected at most {_MOST_DIMS} dimensions, got {len(array['shape']):,}"
            )
        if not _DTYPE.fullmatch(array["dtype"]):
            raise ValueError(f"expected a dtype of numbers, got {array['dtype']!r}")
        dtype = np.dtype(array["dtype"]).newbyteorder("<")
        shape = [_whole(size, 1) for size in array["shape"]]
        arrays[str(array["name"])] = dtype, shape, _BEFORE + length
        length += math.prod(shape) * dtype.itemsize
    if not 0 < length <= _MOST_ROW_BYTES or block_rows * length > _MOST_ROW_BYTES:
        raise ValueError(f"{block_rows} rows of {length} bytes are not a valid size of a block")
    stored = _BEFORE + length + _AFTER
    parts, sha256 = {}, {}
    for name, part in index["parts"].items():
        segments = [_segment(folder, shard, stored, block_rows) for shard in part["shards"]]
        files = RowFiles(segments, stored, memory_mb, block_rows)
        if len(files) != part["rows"] or not len(files):
            raise ValueError(f"{name} has {part['rows']} rows, but its shards have {len(files)}")
        parts[name] = {
            array: Rows(files, dtype, shape, offset)
            for array, (dtype, shape, offset) in arrays.items()
        }
        sha256[name] = {array: str(part["sha256"][array]) for array in arrays}
    return Shards(parts, sha256)


def _whole(value: Any, least: int) -> int:
    if type(value) is not int or not least <= value < 2**48:
        raise ValueError(f"expected a whole number of at least {least}, got {value!r}")
    return value


def _segment(folder: Path, shard: dict[str, Any], stored: int, block_rows: int) -> Segment:
    if not _SHARD.fullmatch(shard["file"]):
        raise ValueError(f"{shard['file']!r} is not a valid name of a shard")
    path, rows = folder / shard["file"], _whole(shard["rows"], 1)
    checksums = tuple(_whole(checksum, 0) for checksum in shard["crc32"])
    if len(checksums) != -(-rows // block_rows):
        raise ValueError(f"{shard['file']} has {len(checksums)} checksums for {rows} rows")
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
    if size != rows * stored:
        raise DataFault(
            path, f"has {size:,} bytes, expected {rows * stored:,}; write the shards again"
        )
    return Segment(path, 0, rows, checksums)


def write_shards(
    path: str | os.PathLike[str],
    parts: Mapping[str, Iterable[Mapping[str, np.ndarray]]],
    rows_per_shard: int = ROWS_PER_SHARD,
    overwrite: bool = False,
) -> dict[str, int]:
    """Writes a folder of shards, completely or not at all.

    Args:
      path: of the folder, which appears when everything has been written.
      parts: by name, the rows in chunks: {"x": [m, ...], "y": [m, ...]}, of numbers. Types and
        row shapes must be the same in all chunks of all parts.
      rows_per_shard: rows in every file of a part except the last.
      overwrite: whether to replace an existing folder of shards.

    Returns:
      The number of rows by part.

    Raises:
      DataFault: the folder exists and must not be replaced, it cannot be written, or chunks
        do not match.
    """
    target = Path(os.path.abspath(os.path.expanduser(path)))
    if os.path.lexists(target) and not overwrite:
        raise DataFault(target, "already exists; choose another folder, or give --overwrite")
    if os.path.lexists(target) and (target.is_symlink() or not is_shards(target)):
        raise DataFault(
            target, f"is not a folder of shards (it has no {INDEX}); choose another folder"
        )
    made = target.with_name(f".{target.name}.{os.getpid()}")
    before = made.with_name(f"{made.name}.before")
    try:
        made.mkdir(parents=True)
        index = _write(made, parts, rows_per_shard)
        if os.path.lexists(target):
            target.rename(before)
        made.rename(target)
    except OSError as error:
        raise DataFault(target, f"cannot be written ({reason_of(error)})") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
    return {name: part["rows"] for name, part in index["parts"].items()}


def _write(folder: Path, parts: Mapping[str, Iterable], rows_per_shard: int) -> dict[str, Any]:
    arrays: list[dict[str, Any]] = []
    index: dict[str, Any] = {"format": _FORMAT, "arrays": arrays, "parts": {}}
    for name, chunks in parts.items():
        digests: dict[str, Any] = {}
        writer = _Writer(folder, name, rows_per_shard)
        for chunk in chunks:
            described = [
                {"name": n, "dtype": a.dtype.name, "shape": list(a.shape[1:])}
                for n, a in chunk.items()
            ]
            arrays += described if not arrays else []
            if arrays != described or len({len(a) for a in chunk.values()}) != 1:
                raise DataFault(
                    folder, f"{name}: chunks differ: expected {arrays}, got {described}"
                )
            columns = []
            for array, values in chunk.items():
                values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
                digests.setdefault(array, hashlib.sha256()).update(values.data)
                columns.append(values.reshape(len(values), -1).view(np.uint8))
            writer.add(np.concatenate(columns, axis=1))
        writer.end_shard()
        if not writer.shards:
            raise DataFault(folder, f"{name}: there are no rows")
        index["block_rows"] = writer.block_rows
        index["parts"][name] = {
            "rows": sum(shard["rows"] for shard in writer.shards),
            "sha256": {array: digest.hexdigest() for array, digest in digests.items()},
            "shards": writer.shards,
        }
    with open(folder / INDEX, "w", encoding="utf-8") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())
    return index


class _Writer:
    """Writes the shards of one part."""

    def __init__(self, folder: Path, part: str, rows_per_shard: int):
        self.shards: list[dict[str, Any]] = []
        self.block_rows = 1
        self._folder, self._part, self._most = folder, part, rows_per_shard
        self._file: Any = None
        self._rows = self._stored = 0

    def add(self, rows: np.ndarray) -> None:
        """Writes rows, uint8 [m, row_bytes]."""
        # Imported late: opening shards needs no TensorFlow.
        import tensorflow as tf

        self._stored = _BEFORE + rows.shape[1] + _AFTER
        self.block_rows = rows_of_block(self._stored)
        try:
            while len(rows):
                if self._file is None:
                    self._file = tf.io.TFRecordWriter(str(self._path()))
                some = rows[: self._most - self._rows]
                for row in some:
                    self._file.write(row.tobytes())
                rows = rows[len(some) :]
                self._rows += len(some)
                if self._rows == self._most:
                    self.end_shard()
        except tf.errors.OpError as error:
            raise OSError(None, str(error.message).splitlines()[0]) from error

    def end_shard(self) -> None:
        """Closes the shard, and computes the checksums of what is on the disk."""
        if self._file is None:
            return
        self._file.close()
        checksums = []
        with open(self._path(), "rb") as file:
            while block := file.read(self.block_rows * self._stored):
                checksums.append(zlib.crc32(block))
            size = file.tell()
            os.fsync(file.fileno())
        if size != self._rows * self._stored:
            raise OSError(None, f"{self._path().name} has only {size:,} bytes")
        described = {"file": self._path().name, "rows": self._rows, "crc32": checksums}
        self.shards.append(described)
        self._file, self._rows = None, 0

    def _path(self) -> Path:
        return self._folder / f"{self._part}-{len(self.shards):05}.tfrecord"
