"""Checks that four arrays form one data set, whichever files they came from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mlp_lab.data.catalogue import ARRAY_NAMES, DatasetInfo
from mlp_lab.data.dataset import content_sha256
from mlp_lab.data.faults import DataFault
from mlp_lab.data.rows import Rows

_SPLITS = (("training", "x_train", "y_train"), ("test", "x_test", "y_test"))


def checked(
    arrays: Mapping[str, np.ndarray | Rows], files: Mapping[str, Path], info: DatasetInfo
) -> dict[str, np.ndarray | Rows]:
    """Checks shapes, counts and labels, and converts labels to one type.

    Args:
      arrays: x_train, y_train, x_test, y_test; images uint8, labels integers.
      files: per array name, the file it was read from, for error messages.
      info: the data set the arrays claim to be.

    Returns:
      The arrays by name: images uint8 [n, rows, columns], labels int32 [n].

    Raises:
      DataFault: images and labels are swapped, a shape or count is wrong, there
        are no rows, or a label is out of range.
    """
    result: dict[str, np.ndarray | Rows] = {}
    for split, images_name, labels_name in _SPLITS:
        images, labels = arrays[images_name], arrays[labels_name]
        at_images, at_labels = files[images_name], files[labels_name]
        if images.ndim == 1 and labels.ndim == 3:
            raise DataFault(
                at_images,
                f"{split} images and labels are swapped: {images_name} has the shape "
                f"{images.shape} and {labels_name} ({at_labels}) has {labels.shape}",
            )
        rows, columns = info.image_shape
        if images.ndim != 3 or images.shape[1:] != info.image_shape:
            raise DataFault(
                at_images,
                f"the {split} images have the shape {images.shape}, "
                f"expected (n, {rows}, {columns})",
            )
        if labels.ndim != 1:
            raise DataFault(
                at_labels, f"the {split} labels have the shape {labels.shape}, expected (n,)"
            )
        if len(images) != len(labels):
            raise DataFault(
                at_images,
                f"{len(images):,} {split} images but {len(labels):,} labels ({at_labels})",
            )
        if len(images) == 0:
            raise DataFault(at_images, f"there are no {split} images (zero rows)")
        result[images_name] = images
        in_range = functools.partial(_in_range, path=at_labels, split=split, info=info)
        if isinstance(labels, Rows):
            result[labels_name] = labels = labels.mapped(in_range)
            # Labels in the same file as the images are checked when they are read.
            for _ in labels.chunks() if at_labels != at_images else ():
                pass
        else:
            result[labels_name] = in_range(labels)
    return result


def _in_range(labels: np.ndarray, path: Path, split: str, info: DatasetInfo) -> np.ndarray:
    """The labels as int32."""
    wrong = np.flatnonzero((labels < 0) | (labels >= info.num_classes))
    if len(wrong):
        first = int(wrong[0])
        raise DataFault(
            path,
            f"{len(wrong):,} {split} labels are out of range: label {labels[first]} at row "
            f"{first}, expected 0 to {info.num_classes - 1} for {info.name}",
        )
    return labels.astype(np.int32)


def content_hashes(arrays: Mapping[str, np.ndarray | Rows]) -> dict[str, str]:
    """Content SHA-256 (see `content_sha256`) of each array, by name."""
    return {name: content_sha256(np.asarray(arrays[name])) for name in ARRAY_NAMES}


def check_content(
    found: Mapping[str, str], expected: Mapping[str, str], files: Mapping[str, Path], what: str
) -> None:
    """Compares content hashes.

    Args:
      found: hashes of the arrays that were read, by name.
      expected: hashes they must have.
      files: per array name, the file it was read from.
      what: what the content should be, for the error message ("the published mnist").

    Raises:
      DataFault: the content of a file differs; the first such file is named.
    """
    for name in ARRAY_NAMES:
        if found[name] != expected[name]:
            raise DataFault(
                files[name],
                f"the content of {name} is not that of {what} "
                f"(sha256 {found[name][:12]}..., expected {expected[name][:12]}...)",
            )
