"""Reader of images in CSV files: one line per image, its label and its pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mlp_lab.data.catalogue import DatasetInfo
from mlp_lab.data.csv_form import Form, recognize
from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import open_regular, unreadable

_ROWS_PER_CHUNK = 4096
# A number of NumPy's `savetxt` has 25.
_BYTES_PER_CELL = 32


def csv_chunks(
    path: str | os.PathLike[str], info: DatasetInfo, say: Callable[[str], None] = lambda line: None
) -> Iterator[dict[str, np.ndarray]]:
    """Reads a CSV file in chunks, without holding all of it in memory.

    Each line has the label and the pixels, row by row, as whole numbers separated by commas (`5`,
    `5.0` or `5e0`, also in quotes): the usual form of MNIST and Fashion-MNIST as CSV. If the first
    line holds column names, the one called label, class, target or y says where the labels are,
    in the first or the last column; without names they are in the first.

    Args:
      path: the file; UTF-8, with or without a byte order mark.
      info: size of the images and number of classes.
      say: told what was recognized: the names, and the labels' column.

    Yields:
      {"x": uint8 [m, rows, columns], "y": uint8 [m]}.

    Raises:
      DataFault: the file is not of this form, a line has the wrong number of columns, or a value
        is not allowed; the message gives the line's number, counted from 1.
    """
    path = Path(path)
    columns = 1 + info.image_shape[0] * info.image_shape[1]
    form: Form | None = None
    ends = _Ends(info.num_classes)
    rows: list[tuple[int, bytes]] = []
    empty = 0  # number of the first of the empty lines just read
    with open_regular(path) as file:
        for number in range(1, 2**63):
            try:
                line = file.readline(columns * _BYTES_PER_CELL)
            except OSError as error:
                raise unreadable(path, error) from error
            if form is None and line:
                form, line = recognize(path, line, columns)
                say(f"{path}: {form.text}")
                if form.names:
                    continue
            if line.strip():
                if empty:
                    raise DataFault(path, f"line {empty} is empty; remove it")
                rows.append((number, line))
            elif line:
                empty = empty or number
            if form is not None and (len(rows) == _ROWS_PER_CHUNK or (not line and rows)):
                values = _values(rows, path, columns)
                ends.saw(values)
                yield _chunk(values, rows[0][0], form, path, info)
                rows = []
            if not line:
                break
    if ends.empty:
        raise DataFault(path, "has no rows")
    if form is not None and not form.names and ends.look_swapped():
        raise DataFault(
            path,
            "the last column holds every class and nothing else, and the first, which is taken for "
            "the labels, does not; write a first line with the names of all columns, label last",
        )


class _Ends:
    """What the first and the last column hold, over all lines."""

    def __init__(self, classes: int):
        self._classes = set(range(classes))
        self._first: set[int] = set()
        self._last: set[int] = set()

    def saw(self, values: np.ndarray) -> None:
        self._first |= {*np.unique(values[:, 0]).tolist()}
        self._last |= {*np.unique(values[:, -1]).tolist()}

    @property
    def empty(self) -> bool:
        return not self._first

    def look_swapped(self) -> bool:
        return self._last == self._classes != self._first


def _chunk(
    values: np.ndarray, first: int, form: Form, path: Path, info: DatasetInfo
) -> dict[str, np.ndarray]:
    labels = values[:, form.label]
    wrong = np.flatnonzero(labels >= info.num_classes)
    if wrong.size:
        raise DataFault(
            path,
            f"line {first + wrong[0]}: label {labels[wrong[0]]} in column "
            f"{form.label % values.shape[1] + 1}, expected 0 to {info.num_classes - 1} for "
            f"{info.name}",
        )
    pixels = values[:, 1:] if form.label == 0 else values[:, :-1]
    return {"x": pixels.reshape(-1, *info.image_shape), "y": labels}


def _values(rows: list[tuple[int, bytes]], path: Path, columns: int) -> np.ndarray:
    """The numbers of some lines, uint8 [lines, columns]."""
    values = np.empty((len(rows), columns), np.uint8)
    for row, (number, line) in enumerate(rows):
        cells = line.split(b",")
        if len(cells) != columns:
            raise DataFault(path, f"line {number} has {len(cells)} columns, expected {columns}")
        try:
            values[row] = [int(cell) for cell in cells] if b"_" not in line else _decimals(cells)
        except (ValueError, OverflowError):
            try:
                values[row] = _decimals(cells)
            except (ValueError, OverflowError):
                raise DataFault(path, f"line {number}: {_wrong(cells)}") from None
    return values


def _decimals(cells: list[bytes]) -> list[int]:
    return [_whole(cell) for cell in cells]


def _whole(cell: bytes) -> int:
    """The number from 0 to 255 in a cell, also as a decimal or in quotes."""
    text = cell.strip()
    if len(text) > 1 and text[:1] == text[-1:] in (b'"', b"'"):
        text = text[1:-1].strip()
    number = float(text)
    # Python also reads 1_0.
    if not 0 <= number <= 255 or number != int(number) or b"_" in text:
        raise ValueError
    return int(number)


def _wrong(cells: list[bytes]) -> str:
    for column, cell in enumerate(cells, 1):
        try:
            _whole(cell)
        except (ValueError, OverflowError):
            text = cell.strip()[:20].decode("ascii", "replace")
            return f"{text!r} in column {column}, expected a whole number from 0 to 255"
    return "a value that is not a whole number from 0 to 255"
