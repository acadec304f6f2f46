"""One checkpoint file: numbers, strings and arrays, with a checksum over all of it.

    8 bytes    b"mlp_lab\\x01"
    32 bytes   SHA-256 of everything that follows
    8 bytes    length of the header, unsigned, little-endian
    header     JSON, UTF-8: {"tree": ..., "arrays": [{"dtype", "shape"}, ...]}
    arrays     their bytes one after another, little-endian, C order

In the tree, {"array": number} stands for an array, and {"dict": ...} for a dict. Nothing is
unpickled, and nothing in a file can name code to run.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlp_lab.folders import Folder, Remote, replacing

_MAGIC = b"mlp_lab\x01"
_DIGEST = 32
_START = len(_MAGIC) + _DIGEST


# What reading a tree of another form than that of `write` raises.
_MADE_BY_OTHERS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class CheckpointError(Exception):
    """A checkpoint cannot be read, or does not belong to this model or training."""


class OtherTraining(CheckpointError):
    """A checkpoint is of another training, or one that something has been changed of since."""


def write(path: Folder, tree: Mapping[str, Any]) -> None:
    """Writes a tree of dicts, lists, numbers, strings, None and NumPy arrays.

    Atomic: the file is written under a temporary name, flushed to the disk (fsync) and renamed,
    and the folder's entry is flushed too. Whenever the process or the machine stops, the file
    is complete or does not exist. On another file system (`gs://`) it is written under a
    temporary name and renamed; how far that is atomic depends on the file system, and a file that
    is not complete is found by its checksum.

    Raises:
      OSError: the disk is full, the folder is gone or permission is missing; the temporary
        file is removed. On another file system it is a `tf.errors.OpError`.
      TypeError: the tree holds anything else.
    """
    parts = _parts(tree)
    if isinstance(path, Remote):
        path.write_bytes(b"".join(parts))
        return
    with replacing(path) as file:
        for part in parts:
            file.write(part)


def encode(tree: Mapping[str, Any]) -> bytes:
    """What `write` writes."""
    return b"".join(_parts(tree))


def _parts(tree: Mapping[str, Any]) -> list[Any]:
    arrays: list[np.ndarray] = []
    plain = _without_arrays(tree, arrays)
    described = [{"dtype": str(a.dtype), "shape": list(a.shape)} for a in arrays]
    header = json.dumps({"tree": plain, "arrays": described}).encode()
    parts = [len(header).to_bytes(8, "little"), header, *map(_bytes, arrays)]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return [_MAGIC + digest.digest(), *parts]


def read(path: Folder) -> dict[str, Any]:
    """The tree that `write` was given.

    Raises:
      CheckpointError: the file is damaged or is not a checkpoint; the message says which.
      OSError: it cannot be opened.
    """
    if isinstance(path, Remote):
        return decode(path.read_bytes(), path.name)
    with open(path, "rb") as file:
        content = file.read(len(_MAGIC))
        if content == _MAGIC:  # else the rest is of no interest
            content += file.read()
    return decode(content, path.name)


def decode(content: bytes, name: str) -> dict[str, Any]:
    """The tree that `encode` was given; `name` is for the error message. Raises as `read`."""
    if not content.startswith(_MAGIC):
        raise CheckpointError(f"{name}: damaged, or not a checkpoint of this version")
    body = memoryview(content)[_START:]
    if hashlib.sha256(body).digest() != content[len(_MAGIC) : _START]:
        raise CheckpointError(
            f"{name}: damaged, the checksum of its {len(content):,} bytes is not the one it was "
            "written with"
        )
    try:
        return _decoded(body)
    except _MADE_BY_OTHERS as error:
        # Its checksum is right: not damaged, but written by something other than `write`.
        raise CheckpointError(
            f"{name}: not a checkpoint of this version ({type(error).__name__})"
        ) from error


def _decoded(body: memoryview) -> dict[str, Any]:
    size = int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8 : 8 + size]))
    arrays, position = [], 8 + size
    for described in header["arrays"]:
        dtype, shape = np.dtype(described["dtype"]), described["shape"]
        if not all(isinstance(size, int) and 0 <= size <= len(body) for size in shape):
            raise ValueError(f"not a valid shape: {shape}")
        length = math.prod(shape) * dtype.itemsize
        values = np.frombuffer(body[position : position + length], dtype)
        arrays.append(values.reshape(shape))
        position += length
    return _with_arrays(header["tree"], arrays)


def _bytes(array: np.ndarray) -> Any:
    """The bytes of an array, as a buffer."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _without_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        little = value.dtype.newbyteorder("<")
        if value.dtype.hasobject:
            raise TypeError(f"a checkpoint: expected arrays of numbers, got one of {value.dtype}")
        arrays.append(value.astype(little, copy=False))
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        if any(not isinstance(key, str) for key in value):
            raise TypeError(f"a checkpoint: expected dicts with string keys, got {list(value)}")
        return {"dict": {key: _without_arrays(part, arrays) for key, part in value.items()}}
    if isinstance(value, list | tuple):
        return [_without_arrays(part, arrays) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        "a checkpoint: expected numbers, strings, arrays, lists or dicts, got a "
        f"{type(value).__name__}"
    )


def _with_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(part, arrays) for part in value]
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _with_arrays(part, arrays) for key, part in value["dict"].items()}
    return value
