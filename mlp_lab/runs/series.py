"""What TensorBoard shows of a run, as NumPy arrays: scalars, histograms, texts, images, tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from mlp_lab.display import Displayed, Row, shortened
from mlp_lab.errors import near_miss

_SHOWN = 8


class Scalars(NamedTuple):
    """A number per step: `steps, values = run.scalars["train/batch_loss"][:2]`.

    Attributes:
      steps: int64 [n], ascending: updates made.
      values: float64 [n]; what was written is float32.
      times: float64 [n], seconds since 1970 when each was written.
    """

    steps: np.ndarray
    values: np.ndarray
    times: np.ndarray


class Histograms(NamedTuple):
    """A histogram per step.

    Attributes:
      steps: int64 [n], ascending.
      left: float64 [n, bins], left edges; right: float64 [n, bins], right edges.
      counts: float64 [n, bins].
      times: float64 [n], seconds since 1970.
    """

    steps: np.ndarray
    left: np.ndarray
    right: np.ndarray
    counts: np.ndarray
    times: np.ndarray


class Values(NamedTuple):
    """A text, a list of PNG images or an array per step.

    Attributes:
      steps: int64 [n], ascending.
      values: a list of n: str; list of bytes; or np.ndarray.
      times: float64 [n], seconds since 1970.
    """

    steps: np.ndarray
    values: list[Any]
    times: np.ndarray


@dataclasses.dataclass
class Raw:
    """The values of one tag as they were read: step -> (time, value)."""

    plugin: str
    points: dict[int, tuple[float, Any]] = dataclasses.field(default_factory=dict)

    def ordered(self) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """Steps and times in the order of steps, and the values."""
        steps = sorted(self.points)
        found = [self.points[step] for step in steps]
        return np.array(steps, np.int64), np.array([t for t, _ in found]), [v for _, v in found]

    def scalars(self) -> Scalars:
        """As numbers."""
        steps, times, values = self.ordered()
        return Scalars(steps, np.array(values, np.float64).reshape(len(steps)), times)

    def histograms(self) -> Histograms:
        """As histograms; of bins that differ in number the missing are 0."""
        steps, times, values = self.ordered()
        most = max((len(value) for value in values), default=0)
        table = np.zeros((len(values), most, 3))
        for row, value in zip(table, values, strict=True):
            row[: len(value)] = value
        return Histograms(steps, table[..., 0], table[..., 1], table[..., 2], times)

    def values(self) -> Values:
        """As they are."""
        steps, times, values = self.ordered()
        return Values(steps, values, times)


Form = TypeVar("Form", Scalars, Histograms, Values)


class SeriesMap(Mapping[str, Form], Displayed, Generic[Form]):
    """Series by tag. A tag may be preceded by its part of the run: `train/epoch_loss`.

    `in`, `[]` and `get` also take a tag alone, such as `epoch_loss`, where only one part has it.
    A series is made when it is asked for.

    Raises:
      KeyError: (of `[]`) no such tag, or several parts have it; the message says which.
    """

    def __init__(self, made: Mapping[str, Any], parts: Iterable[str]):
        self._made = dict(made)
        self._parts = tuple(parts)

    def __getitem__(self, tag: str) -> Form:
        return self._made[self._full(tag)]()

    def __contains__(self, tag: object) -> bool:
        try:
            self._full(str(tag))
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def _full(self, tag: str) -> str:
        if tag in self._made:
            return tag
        found = [full for part in self._parts if part and (full := f"{part}/{tag}") in self._made]
        if len(found) == 1:
            return found[0]
        if found:
            raise KeyError(f"{tag!r} is in several parts of the run; write {' or '.join(found)}")
        some = shortened(list(self._made)) if self._made else "none"
        raise KeyError(f"no {tag!r}{near_miss(tag, self._made)}; there are {some}")

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = []
        for tag in list(self._made)[:_SHOWN]:
            steps = self._made[tag]().steps
            rows.append((tag, f"{len(steps)} steps, {steps[0]} to {steps[-1]}"))
        if len(self._made) > _SHOWN:
            rows.append(("...", f"{len(self._made) - _SHOWN} more"))
        return f"of {len(self._made)} series", rows
