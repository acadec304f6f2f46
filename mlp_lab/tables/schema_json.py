"""schema.json: a schema as text, and reading it back from a file that may be damaged."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import open_regular
from mlp_lab.errors import InputError
from mlp_lab.tables import layouts, numerals
from mlp_lab.tables.category import MOST_WORDS, Category
from mlp_lab.tables.date import PARTS, Date
from mlp_lab.tables.ignored import REASONS, Ignored
from mlp_lab.tables.number import Number
from mlp_lab.tables.numerals import Numerals
from mlp_lab.tables.plan import Plan
from mlp_lab.tables.schema import Schema

FORMAT = "mlp_lab schema 1"
_MOST_BYTES = 256 * 2**20
_KINDS: dict[str, type[Plan]] = {plan.kind: plan for plan in (Number, Category, Date, Ignored)}


def to_json(schema: Schema) -> str:
    """The schema as JSON, one column a line."""
    head = {
        "format": FORMAT,
        "rows": schema.rows,
        "outside": list(schema.outside),
        "missing": list(schema.missing),
    }
    lines = [
        json.dumps({"kind": plan.kind, **dataclasses.asdict(plan)}, ensure_ascii=False)
        for plan in schema.plans
    ]
    start = json.dumps(head, ensure_ascii=False)[:-1]
    return start + ', "columns": [\n' + ",\n".join(lines) + "\n]}\n"


def from_json(text: str, source: str = "schema.json") -> Schema:
    """The schema of a JSON text.

    Args:
      source: what messages call the text.

    Raises:
      InputError: the text is not the JSON of a schema, or not of this version.
    """
    try:
        data = json.loads(text, parse_constant=_not_a_number)
        _keys(data, {"format", "rows", "outside", "missing", "columns"})
        if data["format"] != FORMAT:
            raise ValueError(f"expected the format {FORMAT!r}, got {data['format']!r}")
        plans = tuple(map(_plan, _list(data["columns"])))
        outside = _texts(data["outside"])
        schema = Schema(plans, _count(data["rows"]), outside, _texts(data["missing"]))
        names = [plan.name for plan in plans] + list(outside)
        if len(set(names)) < len(names):
            raise ValueError("a column comes twice")
        if not schema.inputs:
            raise ValueError("no column is used")
    # What JSON of another form leads to; RecursionError comes from its parser.
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}" if not str(error) else str(error)
        raise InputError("", f"{source} is not a schema of a table ({reason[:200]})") from None
    return schema


def load(path: Path) -> Schema:
    """Reads a schema from a file.

    Raises:
      InputError: the file cannot be read, or is not a schema.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_MOST_BYTES + 1)
    except (DataFault, OSError) as error:
        raise InputError("", str(error)) from None
    if len(data) > _MOST_BYTES:
        raise InputError("", f"{path} is larger than the limit of {_MOST_BYTES:,} bytes")
    try:
        return from_json(data.decode("utf-8"), str(path))
    except UnicodeDecodeError:
        raise InputError("", f"{path} is not a schema of a table (not UTF-8)") from None


def _plan(data: Any) -> Plan:
    if not isinstance(data, dict) or data.get("kind") not in _KINDS:
        raise ValueError(f"expected a column with one of the kinds {', '.join(_KINDS)}")
    kind = _KINDS[data["kind"]]
    _keys(data, {"kind"} | {field.name for field in dataclasses.fields(kind)})
    missing = data["missing"]
    if not isinstance(missing, dict):
        raise ValueError("expected counts of missing words")
    common = {
        "name": _text(data["name"]),
        "missing": {_text(word): _count(count) for word, count in missing.items()},
        "notes": _texts(data["notes"]),
        "asked": _bool(data["asked"]),
    }
    return {Number: _number, Category: _category, Date: _date, Ignored: _ignored}[kind](
        data, common
    )


def _number(data: dict, common: dict) -> Number:
    spelled = data["numerals"]
    _keys(spelled, {field.name for field in dataclasses.fields(Numerals)})
    if (spelled["decimal"], spelled["thousands"]) not in numerals.CONVENTIONS:
        raise ValueError("unknown spelling of numbers")
    marks: dict[str, Any] = {
        name: _text(spelled[name]) for name in ("decimal", "thousands", "before", "after")
    }
    flags: dict[str, Any] = {name: _bool(spelled[name]) for name in ("multiples", "loose")}
    return Number(
        **common,
        numerals=Numerals(**marks, **flags),
        low=_finite(data["low"]),
        high=_finite(data["high"]),
        distinct=_count(data["distinct"]),
    )


def _category(data: dict, common: dict) -> Category:
    words = _texts(data["words"])
    counts = tuple(map(_count, _list(data["counts"])))
    if len(set(words)) < len(words) or len(words) != len(counts) or len(words) > MOST_WORDS:
        raise ValueError(f"column {common['name']!r}: words and counts do not fit")
    rare: dict[str, Any] = {name: _count(data[name]) for name in ("rare", "rare_rows")}
    return Category(**common, words=words, counts=counts, **rare, numeric=_bool(data["numeric"]))


def _date(data: dict, common: dict) -> Date:
    parts = _texts(data["parts"])
    if not parts or len(set(parts)) < len(parts) or not set(parts) <= set(PARTS):
        raise ValueError(f"column {common['name']!r}: unknown parts of a date")
    if data["layout"] not in ("", *layouts.LAYOUTS):
        raise ValueError(f"column {common['name']!r}: unknown layout of dates")
    return Date(
        **common,
        layout=data["layout"],
        zoned=_bool(data["zoned"]),
        parts=parts,
        low=_text(data["low"]),
        high=_text(data["high"]),
        distinct=_count(data["distinct"]),
    )


def _ignored(data: dict, common: dict) -> Ignored:
    if _text(data["reason"]) not in REASONS:
        raise ValueError(f"column {common['name']!r}: unknown reason")
    return Ignored(**common, reason=data["reason"], distinct=_count(data["distinct"]))


def _not_a_number(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _keys(data: Any, names: set[str]) -> None:
    if not isinstance(data, dict) or set(data) != names:
        got = (
            ", ".join(sorted(map(str, data)))[:100] if isinstance(data, dict) else "something else"
        )
        raise ValueError(f"expected {', '.join(sorted(names))}; got {got}")


def _list(data: Any) -> list:
    if not isinstance(data, list):
        raise ValueError("expected a list")
    return data


def _text(data: Any) -> str:
    if not isinstance(data, str) or re.search("[\ud800-\udfff]", data):
        raise ValueError("expected a string")
    return data


def _texts(data: Any) -> tuple[str, ...]:
    return tuple(map(_text, _list(data)))


def _bool(data: Any) -> bool:
    if not isinstance(data, bool):
        raise ValueError("expected true or false")
    return data


def _count(data: Any) -> int:
    if type(data) is not int or not 0 <= data < 2**53:
        raise ValueError("expected a whole number that is not negative")
    return data


def _finite(data: Any) -> float:
    if type(data) not in (int, float) or not math.isfinite(data):
        raise ValueError("expected a finite number")
    return float(data)
