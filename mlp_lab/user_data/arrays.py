"""The user's own arrays or pictures, ready for a task."""

from __future__ import annotations

import dataclasses

import numpy as np

from mlp_lab.data.rows import Rows
from mlp_lab.display import Displayed, Row, megabytes, shortened
from mlp_lab.errors import InputError
from mlp_lab.tables import splitting
from mlp_lab.user_data.facts import Facts
from mlp_lab.user_data.inputs import read_inputs
from mlp_lab.user_data.pictures import PictureForm
from mlp_lab.user_data.targets import RawTargets


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Arrays(Displayed):
    """x and y of a training part and, perhaps, a test part.

    Attributes:
      x_train, x_test: [n, ...], uint8 or float32 (NaN where a value is missing); large ones may be
        `Rows` of a file. x_test is None if there is no test part.
      y_train, y_test: classes int32 [n], labels float32 [n, k] of 0 and 1, or numbers float64
        [n, t].
      kind: classes, labels or numbers: what y is read as.
      class_names: of classes or labels, index = id; None for numbers.
      lines: what was recognized and done, a line for each, to be said.
      facts: what y holds, before a task is chosen.
      origin: the file or folder.
      missing: how many values of x_train and x_test are missing.
      pictures: size and color of pictures that were read; None for arrays.
      raw: y as it was stored.
    """

    x_train: np.ndarray | Rows
    y_train: np.ndarray
    x_test: np.ndarray | Rows | None
    y_test: np.ndarray | None
    kind: str
    class_names: tuple[str, ...] | None
    lines: tuple[str, ...]
    facts: Facts
    origin: str
    missing: int
    pictures: PictureForm | None
    raw: RawTargets
    _source_lines: tuple[str, ...]

    @classmethod
    def of(
        cls,
        x_train: np.ndarray | Rows,
        x_test: np.ndarray | Rows | None,
        raw: RawTargets,
        kind: str = "auto",
        origin: str = "",
        lines: tuple[str, ...] = (),
        pictures: PictureForm | None = None,
    ) -> Arrays:
        """Checks x and y and reads y as `kind`; "auto" chooses one by `Facts.kind`.

        Raises:
          InputError: x, y, or both together cannot be used.
        """
        _check_lengths(x_train, raw.train, "x_train", "y_train")
        x_train, said, missing = read_inputs(x_train, "x_train")
        lines = (*lines, *said)
        if x_test is not None and raw.test is not None:
            _check_lengths(x_test, raw.test, "x_test", "y_test")
            x_test, said, more = read_inputs(x_test, "x_test")
            _check_alike(x_train, x_test)
            lines, missing = (*lines, *said), missing + more
        form = raw.form(kind)
        return cls(
            x_train=x_train,
            y_train=form.y_train,
            x_test=x_test,
            y_test=form.y_test,
            kind=form.kind,
            class_names=form.names,
            lines=(*lines, *form.lines),
            facts=raw.facts,
            origin=origin,
            missing=missing,
            pictures=pictures,
            raw=raw,
            _source_lines=lines,
        )

    def as_kind(self, kind: str) -> Arrays:
        """The same with y read as classes, labels or numbers.

        Raises:
          InputError: y is not of this kind.
        """
        form = self.raw.form(kind)
        return dataclasses.replace(
            self,
            y_train=form.y_train,
            y_test=form.y_test,
            kind=form.kind,
            class_names=form.names,
            lines=(*self._source_lines, *form.lines),
        )

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = []
        for name in ("x_train", "y_train", "x_test", "y_test"):
            array = getattr(self, name)
            if array is not None:
                files = f" in {array.files.names}" if isinstance(array, Rows) else ""
                rows.append((name, array, megabytes(array.nbytes) + files))
        if self.class_names is not None:
            rows.append(("class_names", shortened(self.class_names)))
        return f"{self.kind} {self.origin}".rstrip(), [*rows, ("lines", "; ".join(self.lines))]


def split(arrays: Arrays, test: float = 0.2, seed: int = 0) -> Arrays:
    """Takes a test part from the training part, unless there is one.

    Rows are chosen by a hash of the seed and the row, in equal shares of each class; see
    `mlp_lab.tables.split`. Rows that stay in a file are read into memory.

    Args:
      test: share of the test part, between 0 and 1.
      seed: another seed chooses other rows.

    Raises:
      InputError: the share is not between 0 and 1, or leaves a part empty.
    """
    if arrays.x_test is not None:
        return arrays
    classes = arrays.y_train if arrays.kind == "classes" else None
    chosen = splitting.split(len(arrays.y_train), test, seed, stratify=classes)
    x_train, x_test = _taken(arrays.x_train, chosen)
    said = f"test part: {chosen.how}"
    return dataclasses.replace(
        arrays,
        x_train=x_train,
        x_test=x_test,
        y_train=arrays.y_train[chosen.train],
        y_test=arrays.y_train[chosen.test],
        raw=arrays.raw.part(chosen.train, chosen.test),
        lines=(*arrays.lines, said),
        _source_lines=(*arrays._source_lines, said),
    )


def _taken(x: np.ndarray | Rows, chosen: splitting.Split) -> list[np.ndarray]:
    """Rows of both parts; the whole of `Rows` is never held twice."""
    if isinstance(x, np.ndarray):
        return [x[chosen.train], x[chosen.test]]
    places = chosen.train, chosen.test
    parts = [np.empty((len(own), *x.shape[1:]), x.dtype) for own in places]
    start = 0
    for chunk in x.chunks():
        for part, own in zip(parts, places, strict=True):
            low, high = np.searchsorted(own, (start, start + len(chunk)))
            part[low:high] = chunk[own[low:high] - start]
        start += len(chunk)
    return parts


def _check_lengths(x: np.ndarray | Rows, y: np.ndarray, x_name: str, y_name: str) -> None:
    rows = x.shape[0] if x.shape else 0
    if rows != len(y):
        raise InputError(
            "data",
            f"{x_name} has {rows:,} rows, but {y_name} has {len(y):,}; expected as many",
        )


def _check_alike(train: np.ndarray | Rows, test: np.ndarray | Rows) -> None:
    for what, ours, theirs in (
        ("the shape", train.shape[1:], test.shape[1:]),
        ("values of type", train.dtype, test.dtype),
    ):
        if ours != theirs:
            raise InputError(
                "data",
                f"rows of x_train have {what} {ours}, but those of x_test {theirs}; save both in "
                "the same form",
            )
