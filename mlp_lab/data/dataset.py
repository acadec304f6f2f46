"""A loaded data set and the record of where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlp_lab.data.rows import Rows
from mlp_lab.display import Displayed, Row, megabytes, shortened
from mlp_lab.tasks import Classes, Task

ARRAYS = ("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test")
"""The names of all arrays that a `Dataset` can have."""


def content_sha256(array: np.ndarray) -> str:
    """Hexadecimal SHA-256 of an array's content as uint8 bytes in C order.

    Args:
      array: pixels, or labels below 256 of any integer type.
    """
    return hashlib.sha256(np.ascontiguousarray(array, dtype=np.uint8).data).hexdigest()


@dataclass(frozen=True)
class Origin:
    """Where the arrays of a `Dataset` came from.

    Attributes:
      kind: the source that was used: `"data_dir"`, `"keras_cache"`, `"installed"`,
        `"download"` or `"sample"`; of the user's own data `"data"`.
      location: the file or folder that was read.
      sha256: per array name, the SHA-256 of its content (see `content_sha256`); empty for
        `Rows` of IDX and npy files, which are not read before training.
      published: whether all four arrays equal the full set as published.
      rows: number of images, `{"train": ..., "test": ...}`.
      notes: what was printed on the console while loading, one line each.
      splits: how the rows of a part were chosen, by the name of the part.
    """

    kind: str
    location: str
    sha256: Mapping[str, str]
    published: bool
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        """The same as a dictionary for `json.dumps`."""
        return {
            "kind": self.kind,
            "location": self.location,
            "sha256": dict(self.sha256),
            "published": self.published,
            "rows": dict(self.rows),
            "notes": list(self.notes),
            "splits": dict(self.splits),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Displayed):
    """Samples and what is to be learned of them. The arrays are read-only, or `Rows` of files.

    Attributes:
      name: the name used in `--dataset`, or of the user's file.
      x_train: [n, ...]: of the published sets uint8 [n, rows, columns], pixels from 0
        (background) to 255.
      y_train: targets in the form of the task: of classes int32 [n], from 0 to
        `num_classes - 1`.
      x_test: like `x_train`, for the test part.
      y_test: like `y_train`, for the test part.
      class_names: one name per class or label, index = label; empty for numbers.
      origin: where the arrays came from.
      x_validation: like `x_train`, held out of it; None if nothing is.
      y_validation: like `y_train`, of the same samples.
      task: what is learned; None means one of `class_names`.
    """

    name: str
    x_train: np.ndarray | Rows
    y_train: np.ndarray | Rows
    x_test: np.ndarray | Rows
    y_test: np.ndarray | Rows
    class_names: tuple[str, ...]
    origin: Origin
    x_validation: np.ndarray | Rows | None = None
    y_validation: np.ndarray | Rows | None = None
    task: Task = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.task is None:
            object.__setattr__(self, "task", Classes(tuple(self.class_names)))
        for name in ARRAYS:
            array = getattr(self, name)
            if isinstance(array, np.ndarray):
                # A view, so that the caller's own array stays writable.
                array = array.view()
                array.setflags(write=False)
                object.__setattr__(self, name, array)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = []
        for name in ARRAYS:
            array = getattr(self, name)
            if array is None:
                continue
            files = f" in {array.files.names}" if isinstance(array, Rows) else ""
            rows.append((name, array, megabytes(array.nbytes) + files))
        return self.name, [
            *rows,
            ("task", self.task.kind),
            ("class_names", shortened(self.class_names)),
            ("origin", self.origin.kind, self.origin.location),
            ("published", self.origin.published),
        ]
