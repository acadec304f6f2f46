"""Turns values into a bounded number of lines: name, type and shape, note; children indented."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from mlp_lab.display.arrays import (
    Facts,
    Histogram,
    Work,
    facts,
    loaded,
    number,
    short_form,
    together,
)

Row = tuple[str, Any] | tuple[str, Any, str]
"""A label, a value, and optionally a note that is shown instead of computing one."""

MOST_ROWS = 40
MOST_LINES = 32  # of one row
MOST_CHILDREN = 12
_MOST_TOGETHER = 400
_MOST_DEPTH = 3
_LABEL, _KIND, _NOTE = 48, 80, 120  # characters


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a display.

    Attributes:
      depth: how far it is indented.
      label: name of the value.
      kind: type and shape, or the value itself if it is short.
      note: norm, range or size.
      values: what a histogram is made of: an array, a `Histogram`, or None.
    """

    depth: int
    label: str
    kind: str = ""
    note: str = ""
    values: Any = None


@dataclasses.dataclass
class _Node:
    """A value that was looked at."""

    kind: str
    note: str = ""
    values: Any = None
    facts: Facts | None = None
    children: list[tuple[str, Any]] = dataclasses.field(default_factory=list)


def lines(rows: Sequence[Row]) -> Iterator[Line]:
    """All lines of a display, generated lazily."""
    work = Work()
    for label, value, *note in rows[:MOST_ROWS]:
        node = _noted(value, note[0]) if note else _look(value, work)
        found = _lines(label, node, 0, work)
        yield from itertools.islice(found, MOST_LINES)
        if next(found, None) is not None:
            yield Line(1, "...")
    if len(rows) > MOST_ROWS:
        yield Line(0, f"... {len(rows) - MOST_ROWS:,} more")


def shortened(names: Iterable[Any], most: int = 4) -> str:
    """How many names there are, the first of them and the last.

    >>> shortened(["zero", "one", "two", "three", "four", "five"])
    '6: zero, one, two, ..., five'
    """
    found = list(names)
    texts = found if len(found) <= most + 1 else [*found[: most - 1], "...", found[-1]]
    return f"{len(found):,}: {', '.join(clean(str(text), 24) for text in texts)}"


def megabytes(count: int) -> str:
    """Bytes as MB of 10^6 bytes.

    >>> megabytes(47_040_000)
    '47.0 MB'
    """
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e6:.2g} MB"


def clean(text: str, most: int) -> str:
    """The text with unprintable characters escaped and, if it is long, its middle left out."""
    if len(text) > most:
        tail = (most - 3) // 3
        text = f"{text[: most - 3 - tail]}...{text[-tail:]}"
    # Surrogates too, which no stream can write.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)[: 2 * most]


def _lines(label: str, node: _Node, depth: int, work: Work) -> Iterator[Line]:
    yield Line(
        depth,
        clean(label, _LABEL),
        clean(node.kind, _KIND),
        clean(node.note, _NOTE),
        node.values,
    )
    if depth == _MOST_DEPTH:
        return
    for name, value in node.children:
        child = value if type(value) is _Node else _look(value, work)
        yield from _lines(name, child, depth + 1, work)


def _look(value: Any, work: Work) -> _Node:
    """Describes any value; its children are not looked at yet."""
    try:
        return _plain(value) or _array(value, work) or _container(value, work)
    except Exception:  # a batch can hold anything, and a display must never fail
        return _Node(type(value).__name__)


def _noted(value: Any, note: str) -> _Node:
    try:
        node = _plain(value) or _Node(short_form(value) or type(value).__name__)
        if isinstance(value, np.ndarray) and not isinstance(value, np.memmap):
            node.values = value
    except Exception:
        node = _Node(type(value).__name__)
    node.note = note
    return node


def _plain(value: Any) -> _Node | None:
    """A number, string, bytes or None; no node for anything else."""
    if value is None or isinstance(value, bool):
        return _Node(str(value))
    if isinstance(value, str):
        return _Node(str(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return _Node(f"{type(value).__name__} of {len(value):,}")
    if isinstance(value, Histogram):
        return _Node(f"{len(value.counts)} bins", values=value)
    if isinstance(value, np.generic):
        item = value.item()
        return _plain(item) if isinstance(item, numbers.Number) else _Node(type(value).__name__)
    if isinstance(value, int | float | complex):
        return _Node(number(value))
    return None


def _array(value: Any, work: Work) -> _Node | None:
    kind = short_form(value)
    if kind is None:
        return None
    node = _Node(kind, facts=Facts())
    values = loaded(value, work)
    if values is not None:
        node.values = values
        node.facts = facts(values, work)
        node.note = str(node.facts)
    return node


def _container(value: Any, work: Work) -> _Node:
    name = type(value).__name__
    keys: Sequence[Any]
    label: Callable[[Any], str]
    if isinstance(value, Mapping):
        keys, label, get = list(value), _key, value.__getitem__
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        keys, label, get = value._fields, str, functools.partial(getattr, value)
    elif isinstance(value, list | tuple) and not all(map(_plain, value[:_MOST_TOGETHER])):
        keys, label, get = range(len(value)), "[{}]".format, value.__getitem__
    else:
        sized = isinstance(value, list | tuple | Set)
        return _Node(f"{name} of {len(value):,}" if sized else name)
    node = _Node(f"{name} of {len(keys):,}")
    if 0 < len(keys) <= _MOST_TOGETHER and all(_is_array(get(key)) for key in keys):
        node, get = _together(keys, get, work)
    left_out = len(keys) - MOST_CHILDREN
    shown = list(keys) if left_out <= 1 else [*keys[: MOST_CHILDREN - 4], *keys[-4:]]
    node.children = [(label(key), get(key)) for key in shown]
    if left_out > 1:
        node.children.insert(MOST_CHILDREN - 4, (f"... {left_out:,} more", _Node("")))
    return node


def _together(keys: Sequence[Any], get: Callable, work: Work) -> tuple[_Node, Callable]:
    """The node of a container of arrays, with their joint norm, and a getter of its children."""
    looked = {key: _look(get(key), work) for key in keys}
    whole = together(child.facts or Facts() for child in looked.values())
    size = f"{whole.size:,} values" if whole.size else ""
    note = ", ".join(part for part in (str(whole), size) if part)
    return _Node(f"{len(keys):,} array{'s' * (len(keys) > 1)}", note), looked.__getitem__


def _is_array(value: Any) -> bool:
    try:
        return _plain(value) is None and short_form(value) is not None
    except Exception:
        return False


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    plain = isinstance(key, bool | int | float | np.generic) or key is None
    return str(_plain(key).kind) if plain else f"<{type(key).__name__}>"  # type: ignore[union-attr]
