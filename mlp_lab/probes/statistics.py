"""Summaries of an array: histogram, moments, and the number of non-finite values."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mlp_lab.display import Displayed, Histogram, Row

BINS = 30  # as in TensorBoard's own histograms

# From this size on, Pillow counts faster than NumPy, including 0.05 ms per call.
_MANY = 2**16


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Statistics(Displayed):
    """Summary of an array of n values; all but `nan` and `infinite` is of the finite ones.

    Attributes:
      low: smallest value; high: largest value.
      mean: sum(v) / n.
      std: sqrt(sum((v - mean)^2) / n).
      norm: Euclidean, sqrt(sum(v^2)).
      counts: int64 [30], values in equal bins from low to high; the last bin includes both ends.
      nan: number of NaNs; infinite: number of infinities of both signs.
    """

    low: float
    high: float
    mean: float
    std: float
    norm: float
    counts: np.ndarray
    nan: int = 0
    infinite: int = 0

    @property
    def moments(self) -> dict[str, float]:
        """mean, std, min, max and norm by name."""
        return {
            "mean": self.mean,
            "std": self.std,
            "min": self.low,
            "max": self.high,
            "norm": self.norm,
        }

    def histogram(self) -> np.ndarray:
        """float64 [30, 3]: left edge, right edge and count of each bin, TensorBoard's format.

        As in `tf.summary.histogram`, equal values are all in the last bin, and without values
        everything is 0.
        """
        return histograms([self])[0]

    def _display(self) -> tuple[str, list[Row]]:
        finite = Histogram(self.low, self.high, self.counts)
        rows: list[Row] = [("range", finite, f"{self.low:.4g} to {self.high:.4g}")]
        rows += [(name, getattr(self, name)) for name in ("mean", "std", "norm")]
        for name in ("nan", "infinite"):
            rows += [(name, f"{getattr(self, name):,}")] if getattr(self, name) else []
        return f"of {int(self.counts.sum()) + self.nan + self.infinite:,} values", rows


def histograms(found: Sequence[Statistics]) -> np.ndarray:
    """float64 [n, 30, 3]: the `histogram` of each, computed together."""
    tables = np.zeros((len(found), BINS, 3))
    tables[:, :, 2] = [each.counts for each in found] or 0
    ends = np.array([(each.low, each.high) for each in found]).reshape(-1, 2)
    ends[~tables[:, :, 2].any(axis=1)] = 0
    edges = np.linspace(ends[:, 0], ends[:, 1], BINS + 1, axis=1)
    tables[:, :, 0], tables[:, :, 1] = edges[:, :-1], edges[:, 1:]
    return tables


def summarize(array) -> Statistics:
    """The statistics of an array of numbers, of any shape and type."""
    values = _floats(array)
    nan = infinite = 0
    if values.size:
        squares = _squares(values)
        # NaN, infinity and values beyond 1e19 make the sum non-finite.
        if not np.isfinite(squares):
            values = values.astype(np.float64)
            nan = int(np.isnan(values).sum())
            infinite = int(np.isinf(values).sum())
            values = values[np.isfinite(values)]
            squares = _squares(values)
    if not values.size:
        empty = float("nan")
        zeros = np.zeros(BINS, np.int64)
        return Statistics(empty, empty, empty, empty, empty, zeros, nan, infinite)
    low, high = values.min(), values.max()
    mean = float(values.mean())
    if low == high:
        counts = np.zeros(BINS, np.int64)
        counts[-1] = values.size
        std = 0.0
    else:
        scratch = values - values.dtype.type(mean)
        std = float(np.sqrt(scratch.dot(scratch) / values.size))
        # In the array's own precision and in place: these lines dominate a histogram's cost.
        with np.errstate(over="ignore"):
            np.subtract(values, low, out=scratch)
        scale = BINS / (float(high) - float(low))
        if 0 < scale < float(np.finfo(scratch.dtype).max):
            np.multiply(scratch, scratch.dtype.type(scale), out=scratch)
        else:  # low and high are adjacent numbers, or near the limits of the type
            scratch = (values.astype(np.longdouble) - low) * (BINS / (np.longdouble(high) - low))
        counts = _count(scratch.astype(np.uint8))
        counts[BINS - 1] += counts[BINS]  # the largest value itself
        counts = counts[:BINS]
    return Statistics(
        float(low), float(high), mean, std, float(np.sqrt(squares)), counts, nan, infinite
    )


def norm(array) -> float:
    """Euclidean norm, sqrt(sum(v^2))."""
    values = _floats(array)
    squares = _squares(values)
    if not np.isfinite(squares):  # perhaps it overflows float32
        squares = _squares(values.astype(np.float64))
    return float(np.sqrt(squares))


def _count(numbers: np.ndarray) -> np.ndarray:
    """How often each of 0 ... 255 occurs in uint8 [n]: int64 [256]."""
    rest = numbers
    counts = np.zeros(256, np.int64)
    if numbers.size >= _MANY:
        # The histogram of an image with four bands, twice as fast as `np.bincount`: that
        # needs eight bytes per number, and in runs of equal numbers (mostly zeros) each count
        # waits for the one before; an image's bands are counted separately.
        pixels = numbers.size // 4
        image = Image.frombuffer("RGBX", (pixels, 1), numbers[: pixels * 4], "raw", "RGBX", 0, 1)
        counts += np.reshape(image.histogram(), (4, 256)).sum(axis=0)
        rest = numbers[pixels * 4 :]
    return counts + np.bincount(rest, minlength=256)


def _squares(values) -> float:
    """sum(v^2); infinite if it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(values.dot(values))


def _floats(array) -> np.ndarray:
    """The values as a flat float array; the type holds half precision and integers exactly.

    Complex numbers become their real and imaginary parts.
    """
    values = np.asarray(array).reshape(-1)
    if values.dtype.kind == "c":
        values = values.view(values.real.dtype)
    if values.dtype in (np.float32, np.float64):
        return values
    wide = values.dtype.kind in "iub" and values.itemsize > 2
    return values.astype(np.float64 if wide else np.float32)
