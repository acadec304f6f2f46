"""Reads a table: a text file, a parquet file or a DataFrame."""

from __future__ import annotations

import dataclasses
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.data.faults import DataFault
from mlp_lab.errors import InputError
from mlp_lab.tables import dialect, extra, frame, records, source
from mlp_lab.tables.dialect import Dialect
from mlp_lab.tables.form import DELIMITERS, Form, spelled
from mlp_lab.tables.table import TEXT, Column, Table

MAX_CELLS = 2**31
_ROWS_PER_CHUNK = 50_000
_ROWS_TO_LOOK_AT = 200


def read(data: Any, form: Form | None = None, option: str = "data") -> Table:
    """Reads a table, and interprets no cell.

    Args:
      data: path of a text file (.csv, .tsv, .txt, also .gz) or a parquet file; or a DataFrame.
      form: what is known about a text file; the rest is recognized, and said in `Table.lines`.
      option: the option that named the data, for errors.

    Raises:
      InputError: the table cannot be read, or only by guessing; the message names the line.
    """
    form = form or Form()
    if not isinstance(data, str | os.PathLike):
        return frame.from_frame(data, "the DataFrame", form, option, MAX_CELLS)
    path = Path(data)
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return frame.from_parquet(path, form, option, MAX_CELLS)
        return _from_text(path, form, option)
    except DataFault as fault:
        raise InputError(option, str(fault)) from None
    except records.Malformed as fault:
        raise InputError(option, f"{path}: {fault}") from None


def _from_text(path: Path, form: Form, option: str) -> Table:
    pandas = extra.pandas()
    text, encoding = source.load(path, form.encoding)
    data, said = dialect.announced(text)
    skipped = text.count(b"\n", 0, len(text) - len(data))
    if said and not form.delimiter:
        form = dataclasses.replace(form, delimiter=said)
    if not data.strip():
        raise DataFault(path, "is empty")
    style = dialect.recognize(data, form)
    if form.delimiter and not said:
        _check_delimiter(path, data, form)
    words = spelled(style.delimiter, DELIMITERS)
    if style.delimiter == " ":
        data = records.normalized(data, style.quote)
        style = Dialect("\t", style.quote)
    found = records.scan(data, style)
    found = dataclasses.replace(found, lines=found.lines + skipped)
    first = int(np.argmin(found.blank))
    records.check_widths(found, first)
    names, start = _names(path, data, style, found, form)
    rows = np.flatnonzero(~found.blank[start:])
    if not len(rows):
        raise DataFault(path, "has names of columns but no rows")
    if len(rows) * len(names) > MAX_CELLS:
        raise DataFault(path, _too_many(len(rows) * len(names)))
    lines = [
        f"{encoding}; cells separated by {words}; "
        f"{len(rows):,} rows, {len(names):,} columns"
        + (f", named in line {found.lines[first]}" if start else ", without names")
    ]
    blank = found.lines[first:][found.blank[first:]]
    if len(blank):
        lines.append(f"blank lines skipped: {len(blank):,} (first: line {blank[0]})")
    for place, name in enumerate(names):
        if start and name == f"column{place + 1}":
            lines.append(f"column {place + 1} has no name; it is called {name!r}")
    columns = _columns(pandas, path, data, style, found, start, names)
    places = found.lines[start:][rows]
    return Table(columns, len(rows), str(path), places, True, option, lines, form)


def _check_delimiter(path: Path, data: bytes, form: Form) -> None:
    """Refuses a delimiter that the user gives, if only another one is in the first line."""
    other = dialect.recognize(data, dataclasses.replace(form, delimiter=None)).delimiter
    line = data.lstrip().splitlines()[0].decode("utf-8", "replace")
    if str(form.delimiter) not in line and other in line:
        given, better = spelled(str(form.delimiter), DELIMITERS), spelled(other, DELIMITERS)
        raise DataFault(path, f"line 1 has no {given} but {better}; give --delimiter={better}")


def _too_many(cells: int) -> str:
    return f"has {cells:,} cells, more than the limit of {MAX_CELLS:,}; take fewer rows or columns"


def _names(
    path: Path, data: bytes, style: Dialect, found: records.Records, form: Form
) -> tuple[list[str], int]:
    """The names of the columns, and the first record that is a row."""
    first = int(np.argmin(found.blank))
    cells = [
        style.cells(data[found.starts[row] : found.ends[row]])
        for row in range(first, min(first + _ROWS_TO_LOOK_AT, len(found.blank)))
        if not found.blank[row]
    ]
    if form.header is False:
        return [f"column{place + 1}" for place in range(len(cells[0]))], 0
    line = found.lines[first]
    if form.header is None:
        yes, against = dialect.has_names(cells[0], cells[1:])
        if not yes:
            raise DataFault(
                path,
                f"line {line} has no names of columns, it seems ({against} is like the cells below "
                "it); add a line of names, or give --header=no (columns are then called column1, "
                "column2, ...) or --header=yes",
            )
    names = [" ".join(cell.split()) or f"column{place + 1}" for place, cell in enumerate(cells[0])]
    check_names(names, f"{path}: line {line}")
    return names, first + 1


def check_names(names: list[str], where: str) -> None:
    """Refuses columns of the same name."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in seen:
            raise records.Malformed(f"columns {seen[name] + 1} and {place + 1} are both {name!r}")
        seen[name] = place


def _columns(
    pandas: Any,
    path: Path,
    data: bytes,
    style: Dialect,
    found: records.Records,
    start: int,
    names: list[str],
) -> dict[str, Column]:
    """The columns, by pandas' reader with everything it interprets turned off."""
    stream = io.BytesIO(data)
    stream.seek(int(found.starts[start]))
    quoting = {"quotechar": style.quote, "quoting": 0} if style.quote else {"quoting": 3}
    keep = ~found.blank[start:]
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in names]
    done = 0
    try:
        reader = pandas.read_csv(
            stream,
            sep=style.delimiter,
            header=None,
            names=range(len(names)),
            index_col=False,
            dtype=object,
            na_filter=False,
            keep_default_na=False,
            skip_blank_lines=False,
            skipinitialspace=style.skip_blanks,
            encoding="utf-8",
            engine="c",
            chunksize=_ROWS_PER_CHUNK,
            **quoting,
        )
        with reader:
            for chunk in reader:
                kept = keep[done : done + len(chunk)]
                done += len(chunk)
                for place, part in enumerate(parts):
                    part.append(_factorized(pandas, chunk[place].to_numpy()[kept]))
    except (ValueError, MemoryError) as error:
        raise DataFault(path, f"cannot be read ({error or 'out of memory'})") from error
    if done != len(keep):
        raise DataFault(path, f"cannot be read: {len(keep):,} records, but pandas finds {done:,}")
    # One column after another is merged, so that only one is held twice.
    columns = {}
    for place, name in enumerate(names):
        columns[name] = _merged(pandas, name, parts[place])
        parts[place] = []
    return columns


def _factorized(pandas: Any, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes, values = pandas.factorize(cells)
    return codes.astype(np.int32), np.array(values, dtype=TEXT)


def _merged(pandas: Any, name: str, parts: list[tuple[np.ndarray, np.ndarray]]) -> Column:
    if len(parts) == 1:
        return Column(name, parts[0][1], parts[0][0])
    every = np.concatenate([values for _, values in parts]).astype(object)
    codes, values = pandas.factorize(every)
    start, pieces = 0, []
    for own, own_values in parts:
        pieces.append(codes[start : start + len(own_values)].astype(np.int32)[own])
        start += len(own_values)
    return Column(name, np.array(values, dtype=TEXT), np.concatenate(pieces))
