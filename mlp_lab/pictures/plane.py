"""A plane with two axes, on which many points are shown as a density."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from mlp_lab.pictures import draw

_CELL = 6  # pixels of a square in which points are counted
_CELLS = 96
_TICK = 6


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, at most `most`: multiples of 1, 2 or 5 times a power of 10.

    >>> ticks(0.0, 47.0)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    raw = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def bounds(values: np.ndarray) -> tuple[float, float]:
    """The smallest and largest finite value, with some space around them."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    space = 0.03 * (high - low) or 0.03 * abs(high) or 1.0
    return low - space, high + space


def density(
    x: np.ndarray,
    y: np.ndarray,
    across: tuple[float, float],
    up: tuple[float, float],
    words: tuple[str, str],
    title: str,
    line: tuple[float, float, float, float],
) -> np.ndarray:
    """How many points are where, darker where there are more.

    Args:
      x, y: [n], the points; those that are not finite are left out.
      across, up: the range of each axis.
      words: what the axes show.
      title: above the picture.
      line: where points of a perfect model lie: x, y of one end, x, y of the other.

    Returns:
      uint8 [1, height, width, 3].
    """
    counts, _, _ = np.histogram2d(y, x, _CELLS, (up, across))
    shade = np.log1p(counts) / math.log1p(max(counts.max(), 1))
    # One point can be seen, and is told from none.
    colors = draw.sequential(np.where(counts > 0, 0.25 + 0.75 * shade, 0))[::-1]
    side = _CELLS * _CELL
    field = Image.fromarray(colors).resize((side, side), Image.Resampling.NEAREST)

    labels_up = [_label(value) for value in ticks(*up)]
    left = draw.PAD + max(map(draw.text_width, labels_up)) + 2 * _TICK
    height = 2 * draw.line_height() + side + 2 * draw.line_height() + draw.PAD
    image, pen, top = draw.canvas(left + side + draw.PAD, height, title)
    pen.text((draw.PAD, top), words[1], fill=draw.GRAY, font=draw.font())
    top += 2 * draw.line_height()
    image.paste(field, (left, top))
    pen.rectangle((left, top, left + side, top + side), outline=draw.GRAY)

    def place(px: float, py: float) -> tuple[float, float]:
        return (
            left + (px - across[0]) / (across[1] - across[0]) * side,
            top + side - (py - up[0]) / (up[1] - up[0]) * side,
        )

    pen.line((place(*line[:2]), place(*line[2:])), fill=draw.RED, width=2)
    for value, text in zip(ticks(*up), labels_up, strict=True):
        _, at = place(across[0], value)
        pen.line((left - _TICK, at, left, at), fill=draw.GRAY)
        pen.text((left - 2 * _TICK, at), text, fill=draw.BLACK, font=draw.font(), anchor="rm")
    for value in ticks(*across):
        at, _ = place(value, up[0])
        pen.line((at, top + side, at, top + side + _TICK), fill=draw.GRAY)
        below = (at, top + side + 2 * _TICK)
        pen.text(below, _label(value), fill=draw.BLACK, font=draw.font(), anchor="mt")
    under = (left + side / 2, top + side + 2 * _TICK + draw.line_height())
    pen.text(under, words[0], fill=draw.GRAY, font=draw.font(), anchor="mt")
    return np.asarray(image)[None]


def _label(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 and value == round(value) else f"{value:.4g}"
