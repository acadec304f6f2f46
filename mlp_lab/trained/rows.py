"""Rows to predict, in pieces: from csv, npy and npz files, folders of pictures, standard input."""

from __future__ import annotations

import codecs
import dataclasses
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from mlp_lab.data.csv_form import is_number
from mlp_lab.errors import InputError, one_line
from mlp_lab.regular import open_regular
from mlp_lab.trained.labeled import read_npz

_LABELS = ("label", "class", "target", "y")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_MOST_LINE = 2**24
_MOST_PIXELS = 2**26


@dataclasses.dataclass
class Piece:
    """Some rows: their own numbers or names, their values, and what could not be read.

    Attributes:
      ids: one for each row of x.
      x: [n, ...].
      skipped: (which line, row or file; why) of rows that are not in x.
    """

    ids: list[str]
    x: np.ndarray
    skipped: list[tuple[str, str]]


Pieces = Generator[Piece, None, None]


def pieces(data: str, shape: tuple[int, ...], whole: bool, size: int) -> Pieces:
    """The rows of a source, `size` at a time.

    Args:
      data: a .csv, .npy or .npz file, a folder of pictures, or "-" for CSV from standard input.
      shape: of one row.
      whole: whether values are whole numbers from 0 to 255.
      size: rows of a piece.

    Raises:
      InputError: it cannot be opened, or is not of a known form.
    """
    if data == "-":
        return _csv(sys.stdin.buffer, shape, whole, size)
    path = Path(data).expanduser()
    if path.is_dir():
        return _pictures(path, shape, size)
    if not path.exists():
        raise InputError("data", f"there is no {data!r}")
    if path.suffix.lower() == ".csv":
        try:
            return _csv_file(open_regular(path), shape, whole, size)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError("data", f"{data!r} cannot be read ({reason})") from None
    if path.suffix.lower() in (".npy", ".npz"):
        return _array(_x(data, path), size)
    raise InputError("data", f"expected a .csv, .npy or .npz file, or a folder, got {data!r}")


def _x(data: str, path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npz":
        arrays = read_npz(data)
        for name in ("x", "x_test", "images"):
            if name in arrays:
                return arrays[name]
        if len(arrays) == 1:
            return next(iter(arrays.values()))
        raise InputError("data", f"{data!r}: expected an array x, got {', '.join(arrays)}")
    try:
        open_regular(path).close()
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged file leads to errors of any kind
        raise InputError("data", f"{data!r} is not an npy file of numbers ({error})") from None


def _array(x: np.ndarray, size: int) -> Pieces:
    if x.ndim < 2 or x.dtype.kind not in "biuf":
        raise InputError("data", f"expected numbers [n, ...], got {x.dtype} {list(x.shape)}")
    for start in range(0, len(x), size):
        part = np.array(x[start : start + size])
        yield Piece([str(start + i) for i in range(len(part))], part, [])


def _pictures(folder: Path, shape: tuple[int, ...], size: int) -> Pieces:
    names = sorted(e.name for e in os.scandir(folder) if e.name.lower().endswith(_PICTURES))
    if not names:
        raise InputError("data", f"{str(folder)!r} has no pictures ({', '.join(_PICTURES)})")
    for start in range(0, len(names), size):
        some = names[start : start + size]
        ids, found, skipped = [], [], []
        for name in some:
            try:
                found.append(_picture(folder / name, shape))
                ids.append(name)
            except Exception as error:  # Pillow raises errors of any kind for damaged files
                skipped.append((name, one_line(str(error)) or type(error).__name__))
        x = np.stack(found) if found else np.zeros((0, *shape), np.uint8)
        yield Piece(ids, x, skipped)


def _picture(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A picture in gray, uint8; one of another size is refused, not resized."""
    with open_regular(path) as file, Image.open(file) as image:
        if image.width * image.height > _MOST_PIXELS or (image.height, image.width) != shape[:2]:
            raise ValueError(
                f"is {image.width} x {image.height} pixels, expected {shape[1]} x {shape[0]}"
            )
        return np.asarray(image.convert("L" if len(shape) == 2 else "RGB"), np.uint8)


def _csv_file(file: BinaryIO, shape: tuple[int, ...], whole: bool, size: int) -> Pieces:
    with file:
        yield from _csv(file, shape, whole, size)


def _csv(file: Iterable[bytes], shape: tuple[int, ...], whole: bool, size: int) -> Pieces:
    """Lines of numbers; a first line with names may name columns id, and label, which is left out.

    Lines are counted from 1, with the names.
    """
    columns, number = int(np.prod(shape)), 0
    lines = _lines(file)
    first = next(lines, None)
    if first is None:
        raise InputError("data", "has no rows")
    first = first.removeprefix(codecs.BOM_UTF8)
    heads = _heads(first)
    own = left_out = None
    if heads is None:
        lines, width = _chained(first, lines), columns
    else:
        number, width = 1, len(heads)
        own = heads.index("id") if "id" in heads else None
        left_out = next((i for i, head in enumerate(heads) if head in _LABELS), None)
        used = width - (own is not None) - (left_out is not None)
        if used != columns:
            raise InputError("data", f"expected {columns} columns of values, got {used}")
    keep = [i for i in range(width) if i not in (own, left_out)]
    while some := list(islice(lines, size)):
        yield _piece(some, number, width, keep, own, whole, shape)
        number += len(some)


def _piece(
    lines: list[bytes], number: int, width: int, keep: list[int], own: int | None, whole: bool,
    shape: tuple[int, ...],
) -> Piece:  # fmt: skip
    if own is None:
        values = _fast(lines, width, keep, whole)
        if values is not None:
            ids = [str(number + i + 1) for i in range(len(lines))]
            return Piece(ids, values.reshape(-1, *shape), [])
    ids, found, skipped = [], [], []
    for at, line in enumerate(lines, number + 1):
        if not line.strip():
            continue
        try:
            cells = line.decode("utf-8").strip().split(",")
            if len(cells) != width:
                raise ValueError(f"has {len(cells)} columns, expected {width}")
            found.append(_values([cells[i] for i in keep], whole))
            ids.append(str(at) if own is None else cells[own].strip(' "'))
        except ValueError as error:
            skipped.append((f"line {at}", one_line(str(error))))
    x = np.array(found, np.uint8 if whole else np.float32).reshape(-1, *shape)
    return Piece(ids, x, skipped)


def _fast(lines: list[bytes], width: int, keep: list[int], whole: bool) -> np.ndarray | None:
    """The values of lines without any fault; None if they must be read one by one."""
    try:
        values = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None, encoding="utf-8")
    except ValueError:
        return None
    if values.shape != (len(lines), width) or not np.isfinite(values).all():
        return None
    values = values[:, keep]
    if not whole:
        return values.astype(np.float32)
    fits = values.size == 0 or (values.min() >= 0 and values.max() <= 255)
    return values.astype(np.uint8) if fits and (values == np.floor(values)).all() else None


def _values(cells: list[str], whole: bool) -> list[float]:
    values = []
    for cell in cells:
        try:
            value = float(cell.strip(' "'))
        except ValueError:
            raise ValueError(f"{cell[:20]!r} is not a number") from None
        if not np.isfinite(value):
            raise ValueError(f"{cell[:20]!r} is not finite")
        if whole and not (0 <= value <= 255 and value == int(value)):
            raise ValueError(f"{cell[:20]!r} is not a whole number from 0 to 255")
        values.append(value)
    return values


def _heads(line: bytes) -> list[str] | None:
    """The names in a first line; None if it holds numbers."""
    cells = line.decode("utf-8-sig", "replace").strip().split(",")
    names = [cell.strip(' "').lower() for cell in cells]
    if any(is_number(name) for name in names):
        return None
    return names


def _lines(file: Iterable[bytes]) -> Iterator[bytes]:
    while line := file.readline(_MOST_LINE):  # type: ignore[attr-defined]
        yield line


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
