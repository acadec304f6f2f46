"""What a path holds: arrays or pictures, which are read here, or a table, which is not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.data.faults import DataFault
from mlp_lab.data.rows import MEMORY_MB, Rows
from mlp_lab.errors import InputError
from mlp_lab.user_data import files, roles
from mlp_lab.user_data.arrays import Arrays
from mlp_lab.user_data.pictures import Pictures, read_pictures
from mlp_lab.user_data.targets import RawTargets

_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


def load(
    path: Any,
    *,
    test_data: Any = None,
    names: str | Mapping[str, str] = "",
    image_size: str | int | tuple[int, int] = "",
    color: str = "auto",
    kind: str = "auto",
    memory_mb: int = MEMORY_MB,
) -> Arrays | None:
    """Reads a source that is no table.

    Sources are an .npz file; an .npy or IDX file with its y in a file beside it; a folder of such
    files; and a folder of pictures, with a subfolder for each class. Nothing is unpickled.

    Args:
      path: a file or folder; anything else, such as a DataFrame, is a table.
      test_data: another source, whose rows are the test part.
      names: which arrays, or files without their endings, are x and y, if they do not have usual
        names: `"x=feat,y=lab"`, or x_train, y_train, x_test, y_test.
      image_size: of pictures, `"HxW"` or N; empty takes the size of the most.
      color: of pictures: gray, rgb or auto (gray if no picture has colors).
      kind: what y is: classes, labels, numbers, or auto.
      memory_mb: if the x of plain .npy and IDX files takes more than this many MB (of 10^6
        bytes), its rows stay in the file and are read when they are needed.

    Returns:
      The arrays; None if the path is that of a table, for `mlp_lab.tables.read`.

    Raises:
      InputError: there is nothing at the path, or what is there cannot be used.
    """
    found = _source(path, "data", names, image_size, color, memory_mb)
    if found is None:
        return None
    if roles.part_of(found.names.get("x_train", "")) not in ("", "train"):
        raise InputError("data", f"{path} has no training part: x is {found.names['x_train']}")
    if test_data is not None:
        if "x_test" in found.arrays:
            raise InputError("test_data", f"{path} has a test part already; leave one of them out")
        if found.pictures is not None:
            image_size, color = (found.pictures.height, found.pictures.width), found.pictures.color
        test = _source(test_data, "test_data", names, image_size, color, memory_mb)
        found = _joined(found, test, str(test_data))
    return _whole(found, kind, str(path))


def from_arrays(
    x_train: Any,
    y_train: Any,
    x_test: Any = None,
    y_test: Any = None,
    class_names: tuple[str, ...] | None = None,
    kind: str = "auto",
) -> Arrays:
    """The same for arrays in memory.

    Raises:
      InputError: they cannot be used.
    """
    if (x_test is None) != (y_test is None):
        raise InputError("data", "give both x_test and y_test, or none of them")
    given = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    arrays = {
        role: array if isinstance(array, Rows) else np.asarray(array)
        for role, array in given.items()
        if array is not None
    }
    found = _Source(arrays, {}, ())
    if class_names is not None:
        found.class_names = tuple(map(str, class_names))
    return _whole(found, kind, "arrays")


class _Source:
    """What was read from one path."""

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray | Rows],
        names: Mapping[str, str],
        lines: tuple[str, ...],
    ):
        self.arrays, self.names, self.lines = dict(arrays), dict(names), lines
        self.class_names: tuple[str, ...] | None = None
        self.pictures: Any = None

    @classmethod
    def of_pictures(cls, found: Pictures) -> _Source:
        labels = np.array(found.class_names)
        arrays = {"x_train": found.x_train, "y_train": labels[found.y_train]}
        if found.x_test is not None:
            arrays |= {"x_test": found.x_test, "y_test": labels[found.y_test]}
        source = cls(arrays, {}, found.lines)
        source.pictures = found.form
        return source


def _source(path: Any, option: str, *options: Any) -> _Source | None:
    """What is at a path; None for a table."""
    try:
        return _read(path, option, *options)
    except DataFault as fault:
        raise InputError(option, str(fault)) from None


def _read(
    path: Any,
    option: str,
    names: str | Mapping[str, str],
    image_size: str | int | tuple[int, int],
    color: str,
    memory_mb: int,
) -> _Source | None:
    if not isinstance(path, str | os.PathLike):
        return None
    if not os.fspath(path):
        raise InputError(option, "expected a file or folder, got an empty text")
    path = Path(path)
    try:
        folder = path.is_dir()
        there = folder or path.exists()
    except (OSError, ValueError) as error:
        raise InputError(option, f"{str(path)!r} cannot be read ({error})") from None
    if not there:
        raise InputError(option, f"{path} does not exist")
    if not folder:
        if not files.is_array_file(path):
            return None
        return _of_files(files.read_file(path, names, memory_mb))
    found = files.read_folder(path, names, memory_mb)
    if found is not None:
        return _of_files(found)
    entries = files.listed(path)
    tables = [entry.name for entry in entries if entry.name.lower().endswith(_TABLES)]
    if tables and not any(entry.is_dir() for entry in entries):
        raise InputError(
            option, f"{path} is a folder of tables; give one of them, such as {path / tables[0]}"
        )
    return _Source.of_pictures(read_pictures(path, image_size, color))


def _of_files(found: files.Found) -> _Source:
    arrays = dict(found.arrays)
    class_names = arrays.pop(roles.CLASS_NAMES, None)
    source = _Source(arrays, found.names, found.lines)
    if class_names is not None:
        # Other arrays of such a name, not of texts, mean something else.
        texts = np.asarray(class_names)
        if texts.ndim == 1 and texts.dtype.kind == "U" and len(set(texts.tolist())) == len(texts):
            source.class_names = tuple(map(str, texts.tolist()))
        else:
            source.lines += (f"not used: {found.names[roles.CLASS_NAMES]}",)
    return source


def _joined(train: _Source, test: _Source | None, where: str) -> _Source:
    if test is None:
        raise InputError("test_data", f"{where} is a table, but the training part is not")
    both = dict(train.arrays)
    # A source of its own for tests may name its parts so.
    part = "x_test" if "x_test" in test.arrays else "x_train"
    both |= {"x_test": test.arrays[part], "y_test": test.arrays["y" + part[1:]]}
    joined = _Source(both, train.names, (*train.lines, *(f"test: {line}" for line in test.lines)))
    joined.class_names, joined.pictures = train.class_names, train.pictures
    return joined


def _whole(source: _Source, kind: str, origin: str) -> Arrays:
    arrays = source.arrays
    y_test = np.asarray(arrays["y_test"]) if "y_test" in arrays else None
    raw = RawTargets.of(np.asarray(arrays["y_train"]), y_test, source.class_names)
    x_test = arrays.get("x_test")
    return Arrays.of(arrays["x_train"], x_test, raw, kind, origin, source.lines, source.pictures)
