"""The result of a sweep: sweep.csv, a row for each run, and sweep.md, what it shows."""

import csv
import dataclasses
import io
import math
import statistics
from typing import Any

from mlp_lab.sweeps.advice import advice
from mlp_lab.sweeps.folder import CSV, SUMMARY, Logs, SweepFolder
from mlp_lab.sweeps.plan import Plan, Trial, group_name
from mlp_lab.sweeps.progress import Progress


@dataclasses.dataclass(frozen=True)
class Row:
    """A run.

    Attributes:
      trial: of the plan.
      status: how far it has come.
      logs: every log after every epoch.
      value: of the objective, smaller for better; infinite if there is none.
      shown: the same as it was logged.
    """

    trial: Trial
    status: str
    logs: Logs
    value: float
    shown: float | None


@dataclasses.dataclass(frozen=True)
class Group:
    """The runs of a configuration.

    Attributes:
      rows: one for each seed that has a result.
      epochs: the fewest that any of them was trained.
      mean: of the objective, smaller for better; infinite if a run diverged or failed.
      spread: the standard deviation over the seeds; NaN with one.
    """

    rows: list[Row]
    epochs: int
    mean: float
    spread: float

    @property
    def trial(self) -> Trial:
        """One of its runs."""
        return self.rows[0].trial


def report(plan: Plan, folder: SweepFolder) -> list[str]:
    """Writes sweep.csv and sweep.md.

    Returns:
      Lines with the best configuration, for the terminal.
    """
    progress = Progress(plan, folder)
    rows = [_row(progress, trial, plan) for trial in plan.trials]
    rows = [row for row in rows if row.status != "open"]
    folder.write_result(CSV, _csv(plan, rows))
    groups = _groups(rows)
    folder.write_result(SUMMARY, "\n".join(_summary(plan, groups)) + "\n")
    return _best_lines(plan, groups)


def _row(progress: Progress, trial: Trial, plan: Plan) -> Row:
    status, logs = progress.latest(trial)
    name = plan.options.objective.partition(" ")[2]
    values = logs.get(name)
    value = math.inf if status in ("failed", "diverged") else progress.value(logs)
    return Row(trial, status, logs, value, float(values[-1]) if values else None)


def _csv(plan: Plan, rows: list[Row]) -> str:
    names = sorted({name for row in rows for name in row.logs})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    varied = [each.name for each in plan.varied]
    writer.writerow(["trial", "seed", "status", *varied, "epochs", *names])
    for row in rows:
        values = [row.trial.values[name] for name in varied]
        last = [row.logs[name][-1] if row.logs.get(name) else "" for name in names]
        first = [row.trial.group, row.trial.config.seed, row.status]
        writer.writerow([*first, *values, _epochs(row), *last])
    return text.getvalue()


def _epochs(row: Row) -> int:
    return max(map(len, row.logs.values()), default=0)


def _groups(rows: list[Row]) -> list[Group]:
    """The configurations; the best first, those trained for fewer epochs after the others."""
    by_number: dict[int, list[Row]] = {}
    for row in rows:
        by_number.setdefault(row.trial.number, []).append(row)
    groups = []
    for own in by_number.values():
        values = [row.value for row in own]
        finite = all(map(math.isfinite, values))
        spread = statistics.stdev(values) if finite and len(values) > 1 else math.nan
        mean = statistics.fmean(values) if finite else math.inf
        groups.append(Group(own, min(map(_epochs, own)), mean, spread))

    def place(group: Group) -> tuple[Any, ...]:
        whole = group.epochs >= group.trial.config.epochs
        return not math.isfinite(group.mean), not whole, -group.epochs * (not whole), group.mean

    return sorted(groups, key=place)


def _summary(plan: Plan, groups: list[Group]) -> list[str]:
    options = plan.options
    names = [each.name for each in plan.varied]
    lines = [f"# Sweep {options.name}", "", f"`--vary='{options.vary}'`, {options.objective}.", ""]
    lines += _best_lines(plan, groups)
    lines += ["", "## What it shows", ""]
    lines += [f"- {line}" for line in advice(plan, groups)]
    lines += ["", "## Configurations, the best first", ""]
    heads = ["", *names, options.objective, "std", "seeds", "epochs", "status"]
    lines += [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for group in groups:
        values = [group.trial.values[name].replace("|", "\\|") for name in names]
        shown = [row.shown for row in group.rows if row.shown is not None]
        mean = f"{statistics.fmean(shown):.4g}" if shown else ""
        spread = "" if math.isnan(group.spread) else f"{group.spread:.2g}"
        status = ", ".join(dict.fromkeys(row.status for row in group.rows))
        cells = [group_name(group.trial.number), *values, mean, spread, str(len(group.rows))]
        lines.append(f"| {' | '.join([*cells, str(group.epochs), status])} |")
    return lines


def _best_lines(plan: Plan, groups: list[Group]) -> list[str]:
    if not groups or not math.isfinite(groups[0].mean):
        return ["No configuration has been trained to a finite result."]
    best = groups[0]
    values = " ".join(f"--{name}={value}" for name, value in best.trial.values.items())
    shown = statistics.fmean(row.shown for row in best.rows if row.shown is not None)
    spread = "" if math.isnan(best.spread) else f" ± {best.spread:.2g}"
    of_seeds = f" over {len(best.rows)} seeds" if len(best.rows) > 1 else ""
    name = plan.options.objective.partition(" ")[2]
    return [f"Best: {values}: {name} {shown:.4g}{spread}{of_seeds}"]
