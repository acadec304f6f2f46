"""Tables from sources with types: a DataFrame, a parquet file."""

from __future__ import annotations

import datetime
import decimal
import numbers
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import open_regular
from mlp_lab.errors import InputError
from mlp_lab.tables import extra
from mlp_lab.tables.form import Form
from mlp_lab.tables.table import TEXT, Column, Table, number_text


def from_parquet(path: Path, form: Form, option: str, most_cells: int) -> Table:
    """Reads a parquet file.

    Raises:
      DataFault: it is damaged, not a parquet file, or too large.
    """
    pandas, parquet = extra.pandas(), extra.pyarrow_parquet()
    with open_regular(path) as file:
        try:
            known = parquet.ParquetFile(file).metadata
            cells = known.num_rows * known.num_columns
            if cells <= most_cells:
                file.seek(0)
                data = pandas.read_parquet(file, engine="pyarrow")
        except Exception as error:  # pyarrow raises many kinds, also of its own
            reason = f"{type(error).__name__}: {error}"
            raise DataFault(path, f"is not a valid parquet file ({reason[:200]})") from None
    if cells > most_cells:
        raise DataFault(path, f"has {cells:,} cells, more than the limit of {most_cells:,}")
    if known.num_rows == 0:
        raise DataFault(path, "has no rows")
    return from_frame(data, str(path), form, option, most_cells)


def from_frame(data: Any, source: str, form: Form, option: str, most_cells: int) -> Table:
    """A table from a DataFrame, whose index is not used.

    Raises:
      InputError: it is not a DataFrame, or a column holds what is neither number, text nor time.
    """
    pandas = extra.pandas()
    if not isinstance(data, pandas.DataFrame):
        what = type(data).__name__
        raise InputError(option, f"expected the path of a table or a pandas DataFrame, got {what}")
    rows, width = data.shape
    if rows * width > most_cells:
        problem = f"has {rows * width:,} cells, more than the limit of {most_cells:,}"
        raise InputError(option, f"{source} {problem}")
    if not rows or not width:
        raise InputError(option, f"{source} has {rows:,} rows and {width:,} columns, expected some")
    if data.columns.nlevels > 1:
        raise InputError(
            option, f"{source} has {data.columns.nlevels} levels of names, expected one"
        )
    names = [str(name) for name in data.columns]
    twice = (
        next((name for name in names if names.count(name) > 1), None)
        if len(set(names)) < width
        else None
    )
    if twice is not None:
        raise InputError(option, f"{source} has more than one column {twice!r}")
    lines = [f"{source}: {rows:,} rows, {width:,} columns"]
    if any(name is not None for name in data.index.names):
        lines.append(f"the index {list(data.index.names)!r} is not used; reset_index() keeps it")
    columns = {}
    for place, name in enumerate(names):
        try:
            columns[name] = _column(pandas, name, data.iloc[:, place], lines)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(option, f"{source}: column {name!r}: {error}") from None
    return Table(columns, rows, source, np.arange(rows), False, option, lines, form)


def _column(pandas: Any, name: str, series: Any, lines: list[str]) -> Column:
    types = pandas.api.types
    kind = series.dtype
    if isinstance(kind, pandas.PeriodDtype):
        series = series.dt.to_timestamp()
    elif types.is_timedelta64_dtype(kind):
        series = series.dt.total_seconds()
        lines.append(f"column {name!r}: durations are taken in seconds")
    elif types.is_datetime64_any_dtype(kind) and getattr(series.dt, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        lines.append(f"column {name!r}: times are taken in UTC")
    if types.is_object_dtype(series.dtype) and types.infer_dtype(series) != "string":
        return _from_objects(name, series[~series.isna()].tolist(), ~series.isna().to_numpy())
    codes, values = pandas.factorize(series)
    codes = np.asarray(codes, np.int32)
    if types.is_bool_dtype(series.dtype):
        return Column(name, np.array([str(bool(value)) for value in values], TEXT), codes)
    if types.is_complex_dtype(series.dtype):
        raise TypeError("complex numbers; expected numbers, strings or times")
    if types.is_datetime64_any_dtype(series.dtype):
        return Column(name, np.asarray(values, "datetime64[us]"), codes)
    if types.is_integer_dtype(series.dtype) and any(abs(int(v)) > 2**53 for v in values):
        # As float64 they would lose digits.
        return Column(name, np.array([str(int(value)) for value in values], TEXT), codes)
    if types.is_numeric_dtype(series.dtype):
        return Column(name, np.asarray(values, np.float64), codes)
    if types.is_object_dtype(series.dtype) or types.is_string_dtype(series.dtype):
        return Column(name, np.array(list(values), TEXT), codes)
    known = list(values)  # of a categorical
    inner = _from_objects(name, known, np.ones(len(known), bool))
    return Column(name, inner.values, np.where(codes >= 0, inner.codes[codes], -1).astype(np.int32))


def _from_objects(name: str, cells: list[Any], known: np.ndarray) -> Column:
    """A column of Python objects: all numbers, all times, or else strings.

    Args:
      cells: those that are not missing.
      known: which rows they are in.
    """
    values: list[Any] = []
    if cells and all(_is_number(cell) for cell in cells):
        values = [float(cell) for cell in cells]
        kind: Any = np.float64
    elif cells and all(isinstance(cell, datetime.date) for cell in cells):
        if any(getattr(cell, "tzinfo", None) is not None for cell in cells):
            raise TypeError("times with a time zone as objects; use pandas.to_datetime(utc=True)")
        values, kind = [np.datetime64(cell, "us") for cell in cells], "datetime64[us]"
    else:
        values, kind = [_text(cell) for cell in cells], TEXT
    places: dict[Any, int] = {}
    codes = np.full(len(known), -1, np.int32)
    codes[known] = [places.setdefault(value, len(places)) for value in values]
    return Column(name, np.array(list(places), kind), codes)


def _text(cell: Any) -> str:
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell))
    if isinstance(cell, numbers.Real):
        return (
            number_text(float(cell)) if not isinstance(cell, numbers.Integral) else str(int(cell))
        )
    if isinstance(cell, str | datetime.date | datetime.time | decimal.Decimal):
        return str(cell)
    raise TypeError(f"a cell is a {type(cell).__name__}; expected numbers, strings or times")


def _is_number(value: Any) -> bool:
    real = isinstance(value, numbers.Real | decimal.Decimal)
    return real and not isinstance(value, bool | np.bool_)
