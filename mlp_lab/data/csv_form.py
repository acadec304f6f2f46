"""Recognizes the form of a CSV file of images by its first line."""

from __future__ import annotations

import codecs
import dataclasses
import re
from pathlib import Path

from mlp_lab.data.faults import DataFault

_LABEL_NAMES = ("label", "labels", "class", "target", "y")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@dataclasses.dataclass(frozen=True)
class Form:
    """Where in a CSV file the labels are.

    Attributes:
      names: whether the first line has the names of the columns.
      label: 0 for the first column, -1 for the last.
      text: both in words.
    """

    names: bool
    label: int
    text: str


def recognize(path: Path, line: bytes, columns: int) -> tuple[Form, bytes]:
    """The form, and the first line without a byte order mark.

    The line holds names if one at its start or end is that of the labels, or if it is not
    numbers: most cells are none, or they count the columns, as pandas writes them.

    Raises:
      DataFault: the text is UTF-16, the values are not separated by commas, or there are names
        but none at the start or the end is that of the labels, or pixels are out of order.
    """
    if line.startswith(_WIDE) or b"\0" in line:
        raise DataFault(path, "is UTF-16 or binary; save it as CSV in UTF-8")
    line = line.removeprefix(codecs.BOM_UTF8)
    if not line.strip():
        raise DataFault(path, "line 1 is empty; remove it")
    separator = next((s for s in (";", "\t") if line.count(s.encode()) == columns - 1), None)
    if separator is not None and line.count(b",") < columns - 1:
        raise DataFault(path, f"line 1: values are separated by {separator!r}, expected ','")
    cells = [_clean(cell) for cell in line.decode("utf-8", "replace").split(",")]
    cells[0] = cells[0].lstrip("# ")  # NumPy's `savetxt` writes a comment
    at = [place for place in (0, -1) if cells[place].lower() in _LABEL_NAMES]
    words = sum(not is_number(cell) for cell in cells)
    counts = [[str(number + start) for number in range(len(cells))] for start in (0, 1)]
    if not at and words <= len(cells) // 2 and cells not in counts:
        return Form(False, 0, "no line of names; the labels are in column 1"), line
    if len(cells) != columns:
        raise DataFault(path, f"line 1 has {len(cells)} columns, expected {columns}")
    if len(at) != 1:
        raise DataFault(
            path,
            f"line 1 has the names {cells[0]!r}, {cells[1]!r}, ..., {cells[-1]!r}; expected the "
            f"labels in the first or the last column, named {', '.join(_LABEL_NAMES[:-1])} or "
            f"{_LABEL_NAMES[-1]}" + (", not in both" if at else ""),
        )
    _check_order(path, cells[1:] if at[0] == 0 else cells[:-1])
    column = 1 if at[0] == 0 else columns
    text = f"line 1 has names; the labels are in column {column}, {cells[at[0]]!r}"
    return Form(True, at[0], text), line


def _check_order(path: Path, names: list[str]) -> None:
    """Refuses pixels whose numbers do not ascend: pixel1, pixel10, pixel2."""
    numbers = [tuple(map(int, re.findall(r"\d+", name))) for name in names]
    if not all(numbers) or len({len(number) for number in numbers}) != 1:
        return  # the names do not count
    for before, after in zip(range(len(names)), range(1, len(names)), strict=False):
        if numbers[before] >= numbers[after]:
            raise DataFault(
                path,
                f"line 1: {names[after]!r} comes after {names[before]!r}; expected the pixels row "
                "by row; sort the columns by number",
            )


def _clean(cell: str) -> str:
    return cell.strip().strip("\"'").strip()


def is_number(text: str) -> bool:
    """Whether a cell is a number, as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True
