"""Reader of images in CSV files: one line per image, its label and then its pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlp_lab.data.catalogue import DatasetInfo
from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import open_regular, unreadable

_ROWS_PER_CHUNK = 4096
_BYTES_PER_CELL = 16


def csv_chunks(path: str | os.PathLike[str], info: DatasetInfo) -> Iterator[dict[str, np.ndarray]]:
    """Reads a CSV file in chunks, without holding all of it in memory.

    Each line has the label and then the pixels, row by row, as whole numbers separated by
    commas: the usual form of MNIST and Fashion-MNIST as CSV. If the first line does not begin
    with a number, it is taken as column names and skipped.

    Args:
      path: the file.
      info: size of the images and number of classes.

    Yields:
      {"x": uint8 [m, rows, columns], "y": uint8 [m]}.

    Raises:
      DataFault: a line has the wrong number of columns or a value that is not allowed; the
        message gives the line's number, counted from 1.
    """
    path = Path(path)
    columns = 1 + info.image_shape[0] * info.image_shape[1]
    lines: list[bytes] = []
    first = 1
    with open_regular(path) as file:
        for number in range(1, 2**63):
            try:
                line = file.readline(columns * _BYTES_PER_CELL)
            except OSError as error:
                raise unreadable(path, error) from error
            if number == 1 and line and not line.split(b",")[0].strip().isdigit():
                first = 2
                continue
            if line.strip():
                lines.append(line)
            elif line:
                raise DataFault(path, f"line {number} is empty; remove it")
            if len(lines) == _ROWS_PER_CHUNK or (not line and lines):
                yield _chunk(lines, first, path, columns, info)
                first, lines = first + len(lines), []
            if not line:
                return


def _chunk(
    lines: list[bytes], first: int, path: Path, columns: int, info: DatasetInfo
) -> dict[str, np.ndarray]:
    values = np.empty((len(lines), columns), np.uint8)
    for row, line in enumerate(lines):
        cells = line.split(b",")
        if len(cells) != columns:
            raise DataFault(
                path, f"line {first + row} has {len(cells)} columns, expected {columns}"
            )
        try:
            values[row] = [int(cell) for cell in cells]
        except (ValueError, OverflowError):
            raise DataFault(path, f"line {first + row}: {_wrong(cells)}") from None
        if values[row, 0] >= info.num_classes:
            raise DataFault(
                path,
                f"line {first + row}: label {values[row, 0]} in column 1, expected 0 to "
                f"{info.num_classes - 1} for {info.name}",
            )
    return {"x": values[:, 1:].reshape(-1, *info.image_shape), "y": values[:, 0]}


def _wrong(cells: list[bytes]) -> str:
    for column, cell in enumerate(cells, 1):
        if not cell.strip().isdigit() or int(cell) > 255:
            text = cell.strip()[:20].decode("ascii", "replace")
            return f"{text!r} in column {column}, expected a whole number from 0 to 255"
    return "a value that is not a whole number from 0 to 255"
