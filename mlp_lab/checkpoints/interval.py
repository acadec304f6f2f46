"""How often checkpoints are saved."""

import re


def interval(every: int | str | None) -> tuple[int | None, float | None]:
    """The interval as (steps, seconds), of which one or both are None."""
    if every is None:
        return None, None
    if isinstance(every, int) and not isinstance(every, bool) and every >= 1:
        return every, None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([sm])", every) if isinstance(every, str) else None
    if found is None:
        raise ValueError(
            'every: expected a number of steps (at least 1), a time such as "30s" or "1m", or '
            f"None, got {every!r}"
        )
    return None, float(found[1]) * {"s": 1, "m": 60}[found[2]]
