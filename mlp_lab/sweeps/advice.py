"""What a sweep shows beside its best configuration.

The questions are those of Google's Deep Learning Tuning Playbook ("Identifying bad search space
boundaries", "Not sampling enough points", "Examining the training curves"): is the best value at
the edge of what was tried, is the difference to the next within the noise of seeds, would longer
training help, how many diverged.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlp_lab.sweeps.plan import Plan
from mlp_lab.sweeps.vary import Varied

if TYPE_CHECKING:
    from mlp_lab.sweeps.report import Group

# The share of a range, at each end, that counts as its edge.
_EDGE = 0.1


def advice(plan: Plan, groups: "list[Group]") -> Iterator[str]:
    """One sentence for each answer.

    Args:
      plan: of the sweep.
      groups: the configurations, the best first.
    """
    runs = [row for group in groups for row in group.rows]
    if not plan.options.validation_split:
        yield (
            "Configurations are compared on the test set, whose score is then no longer that of "
            "unseen data; give --validation_split to compare them on held-out training samples."
        )
    missing = len(plan.trials) - len(runs)
    if missing:
        yield f"{missing} of {len(plan.trials)} runs have no result yet; the same command goes on."
    for status, what in (("diverged", "diverged"), ("failed", "failed")):
        count = sum(row.status == status for row in runs)
        if count:
            yield f"{count} of {len(runs)} runs ({count / len(runs):.0%}) {what}."
    if not groups or not math.isfinite(groups[0].mean):
        return
    yield from _of_best(plan, groups)


def _of_best(plan: Plan, groups: "list[Group]") -> Iterator[str]:
    best = groups[0]
    for each in plan.varied:
        edge = _edge(each, best.trial.values[each.name])
        if edge is not None:
            yield (
                f"The best {each.name}, {best.trial.values[each.name]}, is at the {edge} end of "
                "what was tried: try further values there."
            )
    others = [g for g in groups[1:] if math.isfinite(g.mean) and g.epochs == best.epochs]
    if math.isnan(best.spread):
        yield "One seed for each configuration: differences may be noise; --seeds=3 tells."
    elif others:
        # Of the means of n seeds with these spreads.
        spread = max(best.spread, others[0].spread if not math.isnan(others[0].spread) else 0.0)
        noise = 2 * spread * math.sqrt(2 / len(best.rows))
        near = [g for g in others if g.mean - best.mean <= noise]
        if near:
            names = ", ".join(g.trial.group for g in near[:5])
            more = f" and {len(near) - 5} more" if len(near) > 5 else ""
            yield (
                f"Within the noise of seeds (two standard errors, {noise:.2g}) of the best, "
                f"{best.trial.group}: {names}{more}."
            )
    improving = sum(_improving(row.logs, plan) for row in best.rows)
    if improving * 2 > len(best.rows):
        yield "The best configuration was best in its last epoch: it may improve with more epochs."


def _edge(each: Varied, value: str) -> str | None:
    """ "lower" or "upper" if a value is at the edge of what was tried; of lists only of numbers."""
    try:
        numbers = sorted(map(float, each.values))
        found = float(value)
    except ValueError:
        return None
    if each.range is not None:
        low, high = each.range.low, each.range.high
        if each.range.log:
            low, high, found = math.log(low), math.log(high), math.log(found)
        share = (found - low) / (high - low)
        return "lower" if share < _EDGE else "upper" if share > 1 - _EDGE else None
    if len(numbers) < 3:
        return None
    return "lower" if found == numbers[0] else "upper" if found == numbers[-1] else None


def _improving(logs: dict, plan: Plan) -> bool:
    """Whether the last epoch of a run was its best, of several."""
    direction, _, name = plan.options.objective.partition(" ")
    values = [float(value) for value in logs.get(name, ())]
    if len(values) < 2:
        return False
    best = max(values) if direction == "max" else min(values)
    return values[-1] == best
