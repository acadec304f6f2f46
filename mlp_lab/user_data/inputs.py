"""x: arrays of any shape and type of number, checked, as uint8 or float32."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from mlp_lab.data.rows import Rows
from mlp_lab.errors import InputError

_CHUNK_VALUES = 2**20
_FLOAT32_STEP = 2.0**-23
_LEAST_STEPS = 256
"""A feature of which float32 tells fewer values apart is said to be rounded."""


@dataclasses.dataclass
class _Seen:
    """What the rows that were looked at hold."""

    missing: int = 0
    missing_rows: int = 0
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def read_inputs(x: np.ndarray | Rows, name: str) -> tuple[np.ndarray | Rows, list[str], int]:
    """Checks x and gives it one of two types.

    Args:
      x: [n, ...] or [n], of bytes, booleans, integers or floats of any size and byte order.
      name: what to call it in messages.

    Returns:
      x as uint8 [n, ...] if it is of bytes or booleans, else as float32 [n, ...], with one
      feature if it was [n]; what was done, to be said; and how many values are missing (NaN).

    Raises:
      InputError: it has no rows or no values, is of another type, or a value is infinite, or too
        large for float32; the message names the first such row, counted from 0.
    """
    if x.dtype.kind not in "biuf":
        what = {"c": "complex numbers", "U": "texts", "S": "texts", "M": "dates"}
        hint = "; save a table of texts as CSV" if x.dtype.kind in "US" else ""
        raise InputError(
            "data", f"{name} holds {what.get(x.dtype.kind, x.dtype)}, expected real numbers{hint}"
        )
    if not x.shape or any(size < 1 for size in x.shape):
        raise InputError("data", f"{name} has the shape {x.shape}: there are no values in it")
    lines = []
    if x.ndim == 1:
        x = x.mapped(_as_column) if isinstance(x, Rows) else _as_column(x)
        lines.append(f"{name} has one number in each row")
    if x.dtype.kind == "b":
        lines.append(f"{name}: false and true are read as 0 and 1")
    if x.dtype.kind == "b" or (x.dtype.kind == "u" and x.dtype.itemsize == 1):
        return (x.astype(np.uint8) if x.dtype != np.uint8 else x), lines, 0
    result = None if isinstance(x, Rows) else np.empty(x.shape, np.float32)
    seen, done = _Seen(), 0
    for chunk in _chunks(x):
        _look(chunk, done, name, seen)
        if result is not None:
            result[done : done + len(chunk)] = chunk
        done += len(chunk)
    if seen.missing:
        lines.append(
            f"{name}: {seen.missing:,} values in {seen.missing_rows:,} rows are NaN; they count "
            "as missing"
        )
    lines += _rounded(seen, name)
    return (x.astype(np.float32) if result is None else result), lines, seen.missing


def _as_column(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, 1)


def _chunks(x: np.ndarray | Rows) -> Iterator[np.ndarray]:
    if isinstance(x, Rows):
        yield from x.chunks()
        return
    step = max(_CHUNK_VALUES // max(x.size // len(x), 1), 1)
    for start in range(0, len(x), step):
        yield x[start : start + step]


def _look(chunk: np.ndarray, start: int, name: str, seen: _Seen) -> None:
    """Refuses values that float32 cannot hold; counts what is missing; widens the ranges."""
    flat = chunk.reshape(len(chunk), -1)
    if chunk.dtype.kind == "f":
        with np.errstate(over="ignore"):
            large = np.isinf(flat.astype(np.float32))
        if large.any():
            row, place = np.argwhere(large)[0]
            value = float(flat[row, place])
            problem = "infinite" if np.isinf(value) else f"{value:g}, too large for float32"
            raise InputError(
                "data",
                f"{name}: row {start + row:,} has a value that is {problem} (rows are counted "
                "from 0); remove the row, or put NaN where a value is missing",
            )
        absent = np.isnan(flat)
        seen.missing += int(absent.sum())
        seen.missing_rows += int(absent.any(axis=1).sum())
    if chunk.dtype.itemsize >= 4 and chunk.dtype != np.float32:
        low, high = np.fmin.reduce(flat), np.fmax.reduce(flat)
        seen.low = low if seen.low is None else np.fmin(seen.low, low)
        seen.high = high if seen.high is None else np.fmax(seen.high, high)


def _rounded(seen: _Seen, name: str) -> list[str]:
    """Says so if float32 tells few of a feature's values apart."""
    if seen.low is None or seen.high is None:
        return []
    low, high = seen.low.astype(np.float64), seen.high.astype(np.float64)
    step = np.maximum(np.abs(low), np.abs(high)) * _FLOAT32_STEP
    coarse = np.flatnonzero((high > low) & (high - low < _LEAST_STEPS * step))
    if not len(coarse):
        return []
    first = int(coarse[0])
    others = f" ({len(coarse):,} features like it)" if len(coarse) > 1 else ""
    return [
        f"{name}: feature {first} runs from {low[first]:.10g} to {high[first]:.10g}, and float32 "
        f"rounds to steps of {step[first]:.2g}; subtract a constant before saving{others}"
    ]
