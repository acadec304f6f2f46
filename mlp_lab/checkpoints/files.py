"""One checkpoint file: numbers, texts and arrays, with a checksum over all of it.

    8 bytes    b"mlp_lab\\x01"
    32 bytes   SHA-256 of everything that follows
    8 bytes    length of the header, unsigned, little-endian
    header     JSON, UTF-8: {"tree": ..., "arrays": [{"dtype", "shape"}, ...]}
    arrays     their bytes one after another, little-endian, C order

In the tree an array stands as {"array": its number}; other dicts stand as {"dict": ...}.
Nothing is unpickled, nothing in a file can name code to run.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_MAGIC = b"mlp_lab\x01"
_DIGEST = 32
_START = len(_MAGIC) + _DIGEST


# What reading another tree than that of `write` comes to.
_MADE_BY_OTHERS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class CheckpointError(Exception):
    """A checkpoint that cannot be read, or does not belong to what it is to be put into."""


def write(path: Path, tree: Mapping[str, Any]) -> None:
    """Writes a tree of dicts, lists, numbers, texts, None and NumPy arrays.

    Atomic: first under a temporary name, handed to the disk (fsync), then renamed, and the
    folder's entry handed to the disk too. Whenever the process or the machine ends, the file
    is there as a whole or not at all.

    Raises:
      OSError: the disk is full, the folder is gone, permission is missing; the temporary
        file is removed.
      TypeError: the tree holds something else.
    """
    parts = _parts(tree)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


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


def read(path: Path) -> dict[str, Any]:
    """The tree that `write` was given.

    Raises:
      CheckpointError: the file is damaged or is no checkpoint; the message says which.
      OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        content = file.read(len(_MAGIC))
        if content == _MAGIC:  # else it need not be read
            content += file.read()
    return decode(content, path.name)


def decode(content: bytes, name: str) -> dict[str, Any]:
    """The tree that `encode` was given; `name` is for the error, as of `read`."""
    if not content.startswith(_MAGIC):
        raise CheckpointError(f"{name}: damaged, or no checkpoint of this version")
    body = memoryview(content)[_START:]
    if hashlib.sha256(body).digest() != content[len(_MAGIC) : _START]:
        raise CheckpointError(
            f"{name}: damaged, its {len(content):,} bytes do not have the checksum they were "
            "written with"
        )
    try:
        return _decoded(body)
    except _MADE_BY_OTHERS as error:
        # Its checksum is right: not damaged, but made by something else than `write`.
        raise CheckpointError(
            f"{name}: no checkpoint of this version ({type(error).__name__})"
        ) from error


def _decoded(body: memoryview) -> dict[str, Any]:
    size = int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8 : 8 + size]))
    arrays, position = [], 8 + size
    for described in header["arrays"]:
        dtype, shape = np.dtype(described["dtype"]), described["shape"]
        if not all(isinstance(size, int) and 0 <= size <= len(body) for size in shape):
            raise ValueError(f"no shape: {shape}")
        length = math.prod(shape) * dtype.itemsize
        values = np.frombuffer(body[position : position + length], dtype)
        arrays.append(values.reshape(shape))
        position += length
    return _with_arrays(header["tree"], arrays)


def _bytes(array: np.ndarray) -> Any:
    """The array's bytes, as a buffer."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _without_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        little = value.dtype.newbyteorder("<")
        if value.dtype.hasobject:
            raise TypeError(f"a checkpoint holds no arrays of {value.dtype}")
        arrays.append(value.astype(little, copy=False))
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        if any(not isinstance(key, str) for key in value):
            raise TypeError(f"a checkpoint's dicts have texts as keys, got {list(value)}")
        return {"dict": {key: _without_arrays(part, arrays) for key, part in value.items()}}
    if isinstance(value, list | tuple):
        return [_without_arrays(part, arrays) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint holds numbers, texts and arrays, got {type(value).__name__}")


def _with_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(part, arrays) for part in value]
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _with_arrays(part, arrays) for key, part in value["dict"].items()}
    return value


def _sync_folder(folder: Path) -> None:
    """The rename itself, to the disk; systems that cannot open a folder do without."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
