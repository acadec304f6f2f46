"""A display as HTML: a table with a small histogram for each array.

No script, no style sheet and nothing that is loaded: everything takes the color of the text
around it, so that it can be read in light and dark notebooks.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlp_lab.display.arrays import Histogram, histogram, number
from mlp_lab.display.lines import Line, Row, lines

_WIDTH, _HEIGHT = 120, 22
_CELL = "text-align:left;padding:1px 12px 1px 0;white-space:nowrap;border:none"


def as_html(heading: str, rows: Sequence[Row]) -> str:
    """The rows under their heading, as one element."""
    table = "".join(_row(line) for line in lines(rows))
    body = f'<table style="border-collapse:collapse;margin:4px 0">{table}</table>' if table else ""
    return f'<div style="overflow-x:auto"><b>{html.escape(heading)}</b>{body}</div>'


def _row(line: Line) -> str:
    label = html.escape(line.label)
    cells = [
        f'<td style="{_CELL};padding-left:{16 * line.depth}px">{label}</td>',
        f'<td style="{_CELL};font-family:monospace">{html.escape(line.kind)}</td>',
        f'<td style="{_CELL}">{html.escape(line.note)}</td>',
        f'<td style="{_CELL}">{_picture(line.values)}</td>',
    ]
    return f'<tr style="background:none">{"".join(cells)}</tr>'


def _picture(values: Any) -> str:
    """The histogram as SVG, its ends below the pointer; empty if there is none."""
    try:
        if isinstance(values, np.ndarray):
            values = histogram(values) if values.size > 1 else None
        return _svg(values) if isinstance(values, Histogram) else ""
    except Exception:  # as in the lines: whatever the values are
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
