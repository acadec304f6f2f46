"""Tells whether arrays have changed, by their form and content."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlp_lab.data.rows import Rows

# Content of up to this many bytes is read whole; of more, this much in blocks spread over it.
_WHOLE = 2**28
_BLOCK = 2**16


def fingerprint(*arrays: Any) -> str:
    """A SHA-256 of arrays: their number, types, shapes and content.

    Of an array of more than 256 MiB, the content of 4,096 blocks of about 64 KiB counts, spread
    evenly over it from the first to the last row.

    Args:
      arrays: what `numpy.asarray` takes, `Rows`, of which only what counts is read, or None.

    Raises:
      DataFault: a file of rows cannot be read.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"None")
            continue
        array = array if isinstance(array, Rows) else np.asarray(array)
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        for block in _blocks(array):
            digest.update(_content(block))
    return digest.hexdigest()


def _blocks(array: Any) -> Iterator[Any]:
    if array.nbytes <= _WHOLE or not array.ndim:
        yield from array.chunks() if isinstance(array, Rows) else [array]
        return
    rows = max(_BLOCK * len(array) // array.nbytes, 1)
    count = min(_WHOLE // _BLOCK, len(array) // rows)
    for number in range(count):
        start = (len(array) - rows) * number // max(count - 1, 1)
        yield array[start : start + rows]


def _content(block: np.ndarray) -> Any:
    if block.dtype.hasobject:  # strings, say
        return repr(block.tolist()).encode()
    return np.ascontiguousarray(block).reshape(-1).view(np.uint8).data


def leaves_known(parts: Sequence[Any]) -> bool:
    """Whether all parts of a structure are arrays, whose fingerprint tells all about them."""
    return all(p is None or isinstance(p, Rows) or hasattr(p, "__array__") for p in parts)
