"""Drawings as inline SVG, colored by the page's style: no scripts, nothing loaded."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np

_WIDTH, _HEIGHT, _LEFT, _BELOW, _TOP = 560, 240, 58, 34, 12
_MOST_POINTS = 400
Line = tuple[np.ndarray, np.ndarray]


def curves(title: str, lines: Mapping[str, Line], x_label: str) -> str:
    """Curves with axes and a legend. Values that are not finite are left out.

    Args:
      title: read to those who do not see it.
      lines: by name, x and y.
      x_label: below the axis.
    """
    kept = {name: _thinned(*line) for name, line in lines.items()}
    kept = {name: line for name, line in kept.items() if len(line[0])}
    if not kept:
        return ""
    xs = np.concatenate([x for x, _ in kept.values()])
    ys = np.concatenate([y for _, y in kept.values()])
    x_ticks, y_ticks = ticks(xs.min(), xs.max()), ticks(ys.min(), ys.max())
    x0, x1, y0, y1 = x_ticks[0], x_ticks[-1], y_ticks[0], y_ticks[-1]

    def across(x: float) -> float:
        return _LEFT + (x - x0) / (x1 - x0) * (_WIDTH - _LEFT - 12)

    def up(y: float) -> float:
        return _HEIGHT - _BELOW - (y - y0) / (y1 - y0) * (_HEIGHT - _BELOW - _TOP)

    parts = []
    for tick in y_ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 12}" y1="{up(tick):.1f}" '
                     f'y2="{up(tick):.1f}"/>')  # fmt: skip
        parts.append(_text(_LEFT - 6, up(tick) + 4, f"{tick:g}", "end"))
    for tick in x_ticks:
        parts.append(_text(across(tick), _HEIGHT - _BELOW + 16, f"{tick:g}", "middle"))
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 3, x_label, "middle"))
    for number, (x, y) in enumerate(kept.values()):
        points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline class="line c{number % 4}" points="{points}"/>')
        if len(x) <= 30:
            parts += [f'<circle class="dot c{number % 4}" cx="{across(a):.1f}" cy="{up(b):.1f}" '
                      'r="2.5"/>' for a, b in zip(x, y, strict=True)]  # fmt: skip
    legend = "".join(
        f'<span class="key c{i % 4}">{html.escape(name)}</span>' for i, name in enumerate(kept)
    )
    return _figure(title, _WIDTH, _HEIGHT, parts, legend)


def distributions(
    title: str, steps: np.ndarray, left: np.ndarray, right: np.ndarray, counts: np.ndarray
) -> str:
    """A histogram over time: a column a step, the darker the more values are in a bin."""
    low, high = float(left.min()), float(right.max())
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high or not len(steps):
        return ""
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), 60)).astype(int))
    height, across = 150, (_WIDTH - _LEFT - 12) / len(chosen)
    parts = []
    for place, i in enumerate(chosen):
        most = counts[i].max() or 1
        for a, b, count in zip(left[i], right[i], counts[i], strict=True):
            if not count or b <= a:
                continue
            top = _TOP + (high - b) / (high - low) * height
            tall = max((b - a) / (high - low) * height, 0.5)
            parts.append(
                f'<rect class="fill" x="{_LEFT + place * across:.1f}" y="{top:.1f}" '
                f'width="{across + 0.3:.1f}" height="{tall + 0.2:.1f}" '
                f'opacity="{max(count / most, 0.04):.2f}"/>'
            )
    for value, y in ((high, _TOP + 6), (low, _TOP + height)):
        parts.append(_text(_LEFT - 6, y, f"{value:.3g}", "end"))
    for i, anchor, x in ((0, "start", _LEFT), (-1, "end", _WIDTH - 12)):
        parts.append(_text(x, _TOP + height + 16, f"step {steps[i]}", anchor))
    return _figure(title, _WIDTH, _TOP + height + 22, parts, html.escape(title))


def matrix(title: str, counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """A confusion matrix: rows are true classes, darker cells a larger share of the row."""
    table = np.asarray(counts)
    n, left, above = len(names), 92, 78
    side = max(min((_WIDTH - left) // n, 46), 12)
    size = min(side // 3 + 1, 13)
    parts = []
    for i, name in enumerate(names):
        short = name if len(name) <= 12 else name[:11] + "…"
        parts.append(_text(left - 6, above + i * side + side / 2 + 4, short, "end"))
        x = left + i * side + side / 2 + 4
        parts.append(
            f'<text x="{x:.1f}" y="{above - 6}" transform="rotate(-60 {x:.1f} {above - 6})">'
            f"{html.escape(short)}</text>"
        )
        total = max(int(table[i].sum()), 1)
        for j in range(n):
            share = table[i, j] / total
            parts.append(
                f'<rect class="cell" x="{left + j * side}" y="{above + i * side}" '
                f'width="{side - 2}" height="{side - 2}"/><rect class="fill" '
                f'x="{left + j * side}" y="{above + i * side}" width="{side - 2}" '
                f'height="{side - 2}" opacity="{share:.2f}"/>'
            )
            if table[i, j] and side >= 20:
                ink = "on" if share > 0.5 else "off"
                parts.append(
                    f'<text class="{ink}" x="{left + j * side + side / 2 - 1:.1f}" '
                    f'y="{above + i * side + side / 2 + size / 3:.1f}" text-anchor="middle" '
                    f'font-size="{size}">{int(table[i, j])}</text>'
                )
    return _figure(title, left + n * side + 40, above + n * side + 4, parts,
                   "rows: true classes; columns: predicted")  # fmt: skip


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers, the first and last of which enclose low and high."""
    low, high = float(low), float(high)
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-300):
        half = max(abs(low), abs(high)) / 2
        half = half if half > 1e-290 else 0.5
        low, high = low - half, high + half
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _thinned(x: np.ndarray, y: np.ndarray) -> Line:
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    keep = np.unique(np.linspace(0, max(len(x) - 1, 0), min(len(x), _MOST_POINTS)).astype(int))
    return x[keep], y[keep]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _figure(title: str, width: float, height: float, parts: Sequence[str], caption: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{html.escape(title)}">{"".join(parts)}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
