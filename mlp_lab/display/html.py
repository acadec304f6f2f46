"""A display as HTML: a table with a small histogram for each array.

It has no scripts, style sheets or external resources. Everything takes the color of the
surrounding text, so that it is readable in light and dark notebooks.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlp_lab.display.arrays import Histogram, histogram, number
from mlp_lab.display.lines import Line, Row, lines

_WIDTH, _HEIGHT = 120, 22
_TABLE = "border-collapse:collapse;margin:4px 0;color:inherit;font-size:inherit"
_CELL = "text-align:left;padding:1px 12px 1px 0;white-space:nowrap;border:none"


def as_html(heading: str, rows: Sequence[Row]) -> str:
    """The rows under their heading, as one element."""
    table = "".join(_row(line) for line in lines(rows))
    body = f'<table style="{_TABLE}">{table}</table>' if table else ""
    return f'<div style="overflow-x:auto"><b>{html.escape(heading)}</b>{body}</div>'


def _row(line: Line) -> str:
    label, kind, note = (html.escape(text) for text in (line.label, line.kind, line.note))
    picture = _picture(line.values)
    # A value alone may be long, and would make the column of the types wide.
    wide = "" if note or picture else ' colspan="3"'
    cells = [
        f'<td style="{_CELL};padding-left:{16 * line.depth}px">{label}</td>',
        f'<td{wide} style="{_CELL};font-family:monospace">{kind}</td>',
    ]
    if not wide:
        cells += [f'<td style="{_CELL}">{picture}</td>', f'<td style="{_CELL}">{note}</td>']
    return f'<tr style="background:none">{"".join(cells)}</tr>'


def _picture(values: Any) -> str:
    """The histogram as SVG, with the range as its tooltip; empty if there is none."""
    try:
        if isinstance(values, np.ndarray):
            values = histogram(values) if values.size > 1 else None
        return _svg(values) if isinstance(values, Histogram) else ""
    except Exception:  # a display must never fail
        return ""


def _svg(bins: Histogram) -> str:
    counts = np.asarray(bins.counts, np.float64)
    if not counts.size or not counts.max() > 0:
        return ""
    wide = _WIDTH / len(counts)
    heights = np.where(counts > 0, np.maximum(counts / counts.max() * _HEIGHT, 1), 0)
    path = f"M0 {_HEIGHT}" + "".join(
        f"V{_HEIGHT - height:.3g}H{wide * (i + 1):.4g}" for i, height in enumerate(heights)
    )
    said = html.escape(f"{number(bins.low)} to {number(bins.high)}")
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'style="vertical-align:middle"><title>{said}</title>'
        f'<path d="{path}V{_HEIGHT}Z" fill="currentColor" fill-opacity="0.6"/></svg>'
    )
