"""A folder of pictures: one subfolder a class, perhaps in train/ and test/."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mlp_lab.data.streams import MAX_ARRAY_BYTES
from mlp_lab.errors import InputError
from mlp_lab.user_data.class_folders import ClassFolders, find_parts
from mlp_lab.user_data.picture import Header, read_header, read_picture

COLORS = ("auto", "gray", "rgb")
MOST_SIDE = 4096


@dataclasses.dataclass(frozen=True)
class PictureForm:
    """How pictures are made into arrays; what predicts later needs the same.

    Attributes:
      height, width: of all pictures, in pixels.
      color: gray or rgb.
    """

    height: int
    width: int
    color: str


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures read from a folder.

    Attributes:
      x_train, x_test: uint8 [n, height, width] if gray, else [n, height, width, 3].
      y_train, y_test: int32 [n].
      class_names: in natural order, that of the ids.
      form: size and color.
      lines: what was recognized, to be said.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray | None
    y_test: np.ndarray | None
    class_names: tuple[str, ...]
    form: PictureForm
    lines: tuple[str, ...]


def read_pictures(
    path: Path, image_size: str | int | tuple[int, int] = "", color: str = "auto"
) -> Pictures:
    """Reads a folder with a subfolder of pictures for each class.

    If the subfolders are called train and test (or validation), each has the folders of the
    classes.

    Args:
      image_size: `"HxW"`, or N for N x N; empty takes the size of the most pictures.
      color: gray, rgb, or auto: gray if no picture has colors.

    Raises:
      DataFault: a file is no picture, or damaged.
      InputError: a class has no picture, there is one class only, the parts have different
        classes, or pictures have too many different sizes.
    """
    size = parse_size(image_size)
    if color not in COLORS:
        raise InputError("color", f"expected {', '.join(COLORS)}, got {color!r}")
    folders, lines = find_parts(path)
    names = tuple(folders[0].files)
    headers = {
        file: read_header(file)
        for folder in folders
        for files in folder.files.values()
        for file in files
    }
    height, width, said = _choose_size(path, size, headers)
    gray = color == "gray" or (color == "auto" and all(h.gray for h in headers.values()))
    total = len(headers) * height * width * (1 if gray else 3)
    if total > MAX_ARRAY_BYTES:
        raise InputError(
            "image_size",
            f"{len(headers):,} pictures of {height}x{width} take {total:,} bytes, more than the "
            f"limit of {MAX_ARRAY_BYTES:,}; give a smaller --image_size=HxW",
        )
    read = [_read(folder, height, width, gray) for folder in folders]
    if not gray and color == "auto" and all(_is_gray(x) for x, _ in read):
        gray = True
        read = [(np.ascontiguousarray(x[..., 0]), y) for x, y in read]
    form = PictureForm(height, width, "gray" if gray else "rgb")
    count = " + ".join(f"{len(y):,}" for _, y in read)
    lines = [
        f"{count} pictures of {len(names):,} classes, {height}x{width}, "
        + ("gray" if gray else "color (RGB)"),
        *lines,
        *said,
        *_counted(headers),
        *_blank(read, folders),
    ]
    x_test, y_test = read[1] if len(read) > 1 else (None, None)
    return Pictures(*read[0], x_test, y_test, names, form, tuple(lines))


def parse_size(text: str | int | tuple[int, int]) -> tuple[int, int] | None:
    """Height and width of `"28x32"`, `"28"`, 28 or (28, 32); None for an empty text.

    Raises:
      InputError: it is none of these, or larger than `MOST_SIDE`.
    """
    if text == "" or text is None:
        return None
    sides: list[int] | None = None
    if isinstance(text, tuple | list):
        sides = [int(side) for side in text]
    elif found := re.fullmatch(r"\s*([0-9]{1,6})(?:\s*[x×X*,]\s*([0-9]{1,6}))?\s*", str(text)):  # noqa: RUF001
        sides = [int(found[1]), int(found[2] or found[1])]
    if sides is None or len(sides) != 2 or not all(1 <= side <= MOST_SIDE for side in sides):
        raise InputError(
            "image_size",
            f"expected HEIGHTxWIDTH or one number, from 1 to {MOST_SIDE} pixels, got {text!r}",
        )
    return sides[0], sides[1]


def _choose_size(
    path: Path, size: tuple[int, int] | None, headers: Mapping[Path, Header]
) -> tuple[int, int, list[str]]:
    sizes = collections.Counter((h.height, h.width) for h in headers.values())
    if size is None:
        # Of two sizes that are as common, the smaller one.
        size = min(sizes, key=lambda s: (-sizes[s], s[0] * s[1], s))
        if 2 * sizes[size] < len(headers):
            small, large = min(sizes, key=np.prod), max(sizes, key=np.prod)
            raise InputError(
                "image_size",
                f"the pictures in {path} have {len(sizes):,} sizes, from {small[0]}x{small[1]} to "
                f"{large[0]}x{large[1]}; give the size to which all are resized, such as "
                "--image_size=32x32",
            )
    height, width = size
    others = len(headers) - sizes[size]
    lines = []
    if others:
        lines.append(
            f"resized to {height}x{width}: {others:,} of {len(headers):,} pictures, which have "
            "other sizes"
        )
    return height, width, lines


def _read(
    folder: ClassFolders, height: int, width: int, gray: bool
) -> tuple[np.ndarray, np.ndarray]:
    count = sum(map(len, folder.files.values()))
    x = np.empty((count, height, width) if gray else (count, height, width, 3), np.uint8)
    y = np.empty(count, np.int32)
    row = 0
    for label, files in enumerate(folder.files.values()):
        for file in files:
            x[row], y[row] = read_picture(file, height, width, gray), label
            row += 1
    return x, y


def _is_gray(x: np.ndarray) -> bool:
    return all(bool((picture == picture[..., :1]).all()) for picture in x)


def _counted(headers: Mapping[Path, Header]) -> list[str]:
    notes = collections.Counter(note for header in headers.values() for note in header.notes)
    return [
        f"{note}: {count:,} of {len(headers):,} pictures" for note, count in sorted(notes.items())
    ]


def _blank(
    read: Iterable[tuple[np.ndarray, np.ndarray]], folders: Iterable[ClassFolders]
) -> list[str]:
    blank = []
    for (x, _), folder in zip(read, folders, strict=True):
        files = [file for files in folder.files.values() for file in files]
        flat = x.reshape(len(x), -1)
        blank += [files[row] for row in np.flatnonzero((flat == flat[:, :1]).all(axis=1))]
    return [f"of one color only: {len(blank):,} pictures (first: {blank[0]})"] if blank else []
