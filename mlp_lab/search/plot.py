"""The curve of a search in a terminal."""

from collections.abc import Iterator

import numpy as np

from mlp_lab.search.found import FoundRate

_ROWS = 12


def plot(found: FoundRate) -> Iterator[str]:
    """Lines with the smoothed loss over the logarithm of the rate.

    Points of the curve are `o`; `|` below it marks the range and `^` the rate that was found.
    """
    curve = found.smoothed
    seen = curve[np.isfinite(curve)]
    if not len(seen):
        return
    # What rises far above the start is not of interest.
    low, high = float(seen.min()), float(seen[0] + max(seen[0] - seen.min(), 0.0))
    high = max(high, low + 1e-12 + 1e-6 * abs(low))
    heights = np.round((np.clip(curve, low, high) - low) / (high - low) * (_ROWS - 1))
    for row in range(_ROWS - 1, -1, -1):
        label = f"{low + (high - low) * row / (_ROWS - 1):>10.3g}" if row % 3 == 2 else " " * 10
        points = "".join(
            "o" if at == row and np.isfinite(loss) else " "
            for at, loss in zip(heights, curve, strict=True)
        )
        yield f"{label} |{points.rstrip()}"
    yield f"{'loss':>10} +{_marks(found)}"
    first, last = f"{found.rates[0]:.0e}", f"{found.rates[-1]:.0e}"
    space = len(found.rates) - len(first) - len(last)
    yield f"{'':>11} {first}{'learning rate':^{space}}{last}"


def _marks(found: FoundRate) -> str:
    if found.chosen is None or found.low is None or found.high is None:
        return "-" * len(found.rates)
    at = np.abs(np.log(found.rates / found.chosen)).argmin()
    factor = 1 + 1e-9
    return "".join(
        "^" if i == at else "|" if found.low / factor <= rate <= found.high * factor else "-"
        for i, rate in enumerate(found.rates)
    )
