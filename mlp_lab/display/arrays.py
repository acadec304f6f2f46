"""Describes an array in a few words: type, shape, norm, and how many values are not finite."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

BINS = 30
MOST_BINNED = 2**15
"""A histogram is made of at most this many values, taken at equal distances."""

_SHORT = {"bfloat": "bf", "float": "f", "uint": "u", "int": "i", "complex": "c"}
_OTHER_KINDS = {"U": "str", "T": "str", "S": "bytes", "M": "datetime", "m": "timedelta"}
# A sum of squares above this lost nothing that shows in four digits, even in float32.
_LEAST = 1e-30


@dataclasses.dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of values in equal bins from low to high."""

    low: float
    high: float
    counts: Any


@dataclasses.dataclass
class Work:
    """How much may still be computed for one display, in units of one value of a dot product."""

    left: int = 2**25

    def spend(self, cost: int) -> bool:
        """Whether that much is left; if so, it is taken."""
        if cost > self.left:
            return False
        self.left -= cost
        return True


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known about an array's values.

    Attributes:
      size: how many values there are.
      norm: Euclidean norm of the finite ones; None if they have none.
      nan: number of NaNs; infinite: number of infinities.
      other: what is shown in place of a norm.
      known: False if too little work was left to look at all the values.
    """

    size: int = 0
    norm: float | None = None
    nan: int = 0
    infinite: int = 0
    other: str = ""
    known: bool = True

    def __str__(self) -> str:
        parts = [self.other] if self.other else []
        parts += [f"norm {self.norm:.4g}"] if self.norm is not None else []
        parts += [f"{self.nan:,} NaN"] if self.nan else []
        parts += [f"{self.infinite:,} inf"] if self.infinite else []
        return ", ".join(parts)


def number(value: Any) -> str:
    """A number in four digits; whole numbers in full up to 15 digits.

    >>> number(0.123456), number(60000), number(1e-9)
    ('0.1235', '60000', '1e-09')
    """
    if isinstance(value, bool | int) and abs(value) < 10**15:
        return str(value)
    return f"{value:.4g}"


def short_type(dtype: Any) -> str:
    """The short name of a type: f32, bf16, u8, bool, str.

    Args:
      dtype: NumPy's or TensorFlow's, or its name.
    """
    other = _OTHER_KINDS.get(getattr(dtype, "kind", ""))
    if other:
        return other
    if getattr(dtype, "names", None):
        return "record"
    name = str(getattr(dtype, "name", dtype))
    if name == "string":
        return "str"
    return re.sub(r"^(bfloat|float|uint|int|complex)(?=\d)", lambda m: _SHORT[m[1]], name)[:24]


def short_form(value: Any) -> str | None:
    """Type and shape of an array or tensor, without reading its values; None for others.

    >>> short_form(np.zeros((128, 784), "float32"))
    'f32[128,784]'
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None or isinstance(value, type):
        return None
    try:
        sizes = ",".join("?" if n is None else str(int(n)) for n in shape)
    except ValueError:  # a tensor of an unknown number of dimensions
        sizes = "..."
    prefix = ""
    if _parts_of_ragged(value) is not None:
        prefix = "ragged " if hasattr(value, "flat_values") else "sparse "
    return f"{prefix}{short_type(dtype)}[{sizes}]"


def loaded(value: Any, work: Work) -> np.ndarray | None:
    """The values of an array or eager tensor that are in memory; None if they are not.

    Arrays in files (`np.memmap`, anything with a shape that is neither an array nor a tensor)
    are not read, and a tensor that is too large for the work that is left is not copied.
    """
    parts = _parts_of_ragged(value)
    value = value if parts is None else parts
    if isinstance(value, np.memmap):
        return None
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    convert = getattr(value, "numpy", None)
    if convert is None or short_type(value.dtype) == "str":
        return None
    if not work.spend(2 * math.prod(int(n) for n in value.shape)):
        return None
    try:
        return np.asarray(convert())
    except Exception:  # a variable in a graph, a tensor of another device, ...
        return None


def facts(values: np.ndarray, work: Work) -> Facts:
    """A norm for floats, a range for integers, a count for booleans, the value of a scalar."""
    size, kind = values.size, values.dtype.kind
    if not size or not _is_number(values.dtype):
        return Facts(size)
    if values.ndim == 0:
        return Facts(size, other=number(values.item()))
    if kind == "b":
        enough = work.spend(size)
        return Facts(size, other=f"{np.count_nonzero(values):,} true" if enough else "")
    if kind in "iu":
        enough = work.spend(size)
        return Facts(size, other=f"{values.min()} to {values.max()}" if enough else "")
    plain = values.dtype in (np.float32, np.float64) and values.flags.forc
    if not work.spend(size if plain else 8 * size if values.flags.forc else 24 * size):
        return Facts(size, known=False)
    with np.errstate(all="ignore"):
        return _norm(_floats(values), work)


def together(each: Iterable[Facts]) -> Facts:
    """The facts of several arrays as if they were one: the norm of all their values."""
    found = list(each)
    if not all(f.known for f in found):
        return Facts(sum(f.size for f in found), known=False)
    norms = [f.norm for f in found if f.size > f.nan + f.infinite]
    finite = [norm for norm in norms if norm is not None]
    return Facts(
        sum(f.size for f in found),
        math.hypot(*finite) if finite and len(finite) == len(norms) else None,
        sum(f.nan for f in found),
        sum(f.infinite for f in found),
    )


def histogram(values: np.ndarray) -> Histogram | None:
    """The histogram of an array's finite values; None if it has none."""
    if not values.size or not _is_number(values.dtype):
        return None
    flat = _floats(values.flat[:: -(-values.size // MOST_BINNED)])
    with np.errstate(all="ignore"):
        flat = np.abs(flat) if flat.dtype.kind == "c" else flat
        flat = flat[np.isfinite(flat)].astype(np.float64)
        flat = flat[np.isfinite(flat)]  # beyond float64
        if not flat.size:
            return None
        low, high = float(flat.min()), float(flat.max())
        # In [0, 1] and not as they are: the distance of the ends may be beyond all numbers.
        scale = max(abs(low), abs(high)) or 1.0
        least, span = low / scale, high / scale - low / scale
        places = (flat / scale - least) / span if span > 0 else np.full(len(flat), 0.5)
    places = np.clip(np.nan_to_num(places) * BINS, 0, BINS - 1).astype(np.int64)
    return Histogram(low, high, np.bincount(places, minlength=BINS))


def _parts_of_ragged(value: Any) -> Any:
    """The stored values of a ragged or sparse tensor, None for others."""
    if isinstance(value, np.ndarray):
        return None
    if hasattr(value, "flat_values") and hasattr(value, "row_splits"):
        return value.flat_values
    if hasattr(value, "dense_shape") and hasattr(value, "indices"):
        return value.values
    return None


def _is_number(dtype: np.dtype) -> bool:
    """Whether it is a type of numbers, those of ml_dtypes, which NumPy calls void, included."""
    return dtype.kind in "biufc" or (
        dtype.names is None and re.match(r"(bfloat|float|uint|int)\d", dtype.name) is not None
    )


def _floats(values: np.ndarray) -> np.ndarray:
    """The values in one row, of a type that `vdot` computes in."""
    flat = values.ravel(order="K")  # no copy of a transposed array
    if flat.dtype in (np.float32, np.float64) or flat.dtype.kind == "c" or flat.itemsize > 8:
        return flat
    return flat.astype(np.float64 if flat.dtype.kind in "iu" else np.float32)


def _norm(flat: np.ndarray, work: Work) -> Facts:
    squares = _squares(flat)
    if _LEAST < squares < math.inf:
        return Facts(flat.size, math.sqrt(squares))
    if not work.spend(6 * flat.size):
        return Facts(flat.size, math.sqrt(squares), known=False)  # NaN, inf or 0
    finite = np.isfinite(flat)
    nan, wrong = int(np.isnan(flat).sum()), int(flat.size - finite.sum())
    if wrong == flat.size:
        return Facts(flat.size, None, nan, wrong - nan)
    if wrong:
        flat = np.where(finite, flat, flat.dtype.type(0))
        squares = _squares(flat)
    norm = math.sqrt(squares)
    if not _LEAST < squares < math.inf:  # squares beyond the type or too small for it, or zeros
        flat = np.abs(flat)
        greatest = flat.max()
        norm = float(greatest) * math.sqrt(_squares(flat / greatest)) if greatest > 0 else 0.0
    return Facts(flat.size, norm, nan, wrong - nan)


def _squares(flat: np.ndarray) -> float:
    return float(np.vdot(flat, flat).real)
