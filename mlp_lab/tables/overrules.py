"""Reads `--columns='age:number,zip:category,id:ignore'`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlp_lab.errors import InputError, near_miss
from mlp_lab.tables.kinds import KINDS

_OPTION = "columns"
_QUOTED = re.compile(r"""\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)')\s*:""")


def parse_columns(text: str) -> dict[str, str]:
    """The kinds that the user gives to columns.

    Args:
      text: pairs `name:kind`, separated by commas. A name with a comma or a quote is put in
        quotes, double or single ones, and a quote of the same kind in it is written twice; a colon
        needs none.

    Raises:
      InputError: the text has another form, a kind is not known, or a column comes twice.
    """
    kinds: dict[str, str] = {}
    rest = text.strip()
    while rest:
        name, kind, rest = _first(rest, text)
        if kind not in KINDS:
            hint = near_miss(kind, KINDS)
            raise InputError(
                _OPTION, f"column {name!r}: no kind {kind!r}{hint}; expected {', '.join(KINDS)}"
            )
        if name in kinds:
            raise InputError(_OPTION, f"column {name!r} comes twice")
        kinds[name] = kind
    return kinds


def _first(rest: str, text: str) -> tuple[str, str, str]:
    """The first name and kind, and what follows them."""
    quoted = _QUOTED.match(rest)
    if quoted:
        mark = '"' if quoted[1] is not None else "'"
        name = quoted[1] if quoted[1] is not None else quoted[2]
        name = name.replace(mark * 2, mark)
        kind, _, rest = rest[quoted.end() :].partition(",")
    else:
        pair, _, rest = rest.partition(",")
        name, colon, kind = pair.rpartition(":")
        if not colon or not name.strip() or not kind.strip():
            raise InputError(
                _OPTION,
                f"expected name:kind, got {pair.strip()!r} in {text!r}; put a name with a comma in "
                "double quotes",
            )
        name = name.strip()
    return name, kind.strip().lower(), rest.strip()


def check_names(kinds: Mapping[str, str], names: list[str], source: str) -> None:
    """Refuses kinds of columns that do not exist."""
    for name in kinds:
        if name not in names:
            raise InputError(_OPTION, f"{source} has no column {name!r}{near_miss(name, names)}")
