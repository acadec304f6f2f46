"""What differs between runs: flags, data, versions, metrics, time, and the first step."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.runs import texts
from mlp_lab.runs.equality import Equality, equality
from mlp_lab.runs.listing import best, seconds
from mlp_lab.runs.run import Run, open_run

# They say where one run went and what it showed, not what it was.
_NOT_COMPARED = (
    "name", "log_dir", "overwrite", "resume", "accept_changes", "verbose", "checkpoint_every",
    "keep_checkpoints", "worker_timeout",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Runs side by side; printed, it is a table.

    Attributes:
      columns: the names of the runs, or of groups of runs that differ in their seed only.
      rows: (section, name, a text for each column); of flags, versions and data only what
        differs.
      equal: (name of the first run, name of another, how far they are equal), for each other run.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    equal: tuple[tuple[str, str, Equality], ...]

    def __str__(self) -> str:
        return "\n".join([self._as(texts.table), "", *self._equal()])

    def markdown(self) -> str:
        """As a Markdown table and lines."""
        return "\n".join([self._as(texts.markdown), "", *(f"- {line}" for line in self._equal())])

    def csv(self) -> str:
        """As comma-separated values."""
        equal = [
            ["equal", f"{a} and {b}", str(found), *[""] * (len(self.columns) - 1)]
            for a, b, found in self.equal
        ]
        rows = [[section, name, *values] for section, name, values in self.rows]
        return texts.as_csv(["section", "name", *self.columns], [*rows, *equal])

    def _as(self, form: Callable[[Sequence[str], Sequence[Sequence[str]]], str]) -> str:
        rows = [[section, name, *values] for section, name, values in self.rows]
        return form(["", "", *self.columns], rows)

    def _equal(self) -> list[str]:
        lines = []
        for a, b, found in self.equal:
            lines += [f"{a} and {b}: {found}", f"  compared: {found.compared}"]
        return lines


def compare(runs: Sequence[str | os.PathLike[str]], group_seeds: bool = False) -> Comparison:
    """Compares runs with each other.

    Args:
      runs: folders of at least two runs; the first is the one that others are compared with step
        by step.
      group_seeds: whether runs whose flags differ in the seed only share a column, with the mean
        and standard deviation (n - 1) of their metrics.

    Raises:
      InputError: a folder is not a run's, or there are fewer than two.
    """
    opened = [open_run(path) for path in runs]
    if len(opened) < 2:
        raise InputError("", f"expected at least two runs to compare, got {len(opened)}")
    names = _names(opened)
    groups = _groups(opened) if group_seeds else [[i] for i in range(len(opened))]
    columns = tuple(
        names[group[0]] if len(group) == 1 else f"{names[group[0]]} and {len(group) - 1} more"
        for group in groups
    )
    first = [opened[group[0]] for group in groups]
    rows: list[tuple[str, str, tuple[str, ...]]] = []
    rows += _differing("flag", [_flags(run) for run in first], seed=not group_seeds)
    rows += _differing("data", [_data(run) for run in first])
    rows += _differing("version", [_plain(run, "versions") for run in first])
    rows += _differing("machine", [_plain(run, "machine") for run in first])
    rows.append(("run", "status", tuple(", ".join(sorted({opened[i].status for i in group}))
                                        for group in groups)))  # fmt: skip
    rows += _metrics([[opened[i] for i in group] for group in groups])
    equal = tuple(
        (names[0], name, equality(opened[0], run))
        for name, run in zip(names[1:], opened[1:], strict=True)
    )
    return Comparison(columns, tuple(rows), equal)


def _names(runs: Sequence[Run]) -> list[str]:
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def _groups(runs: Sequence[Run]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        flags = {name: value for name, value in _flags(run).items() if name != "seed"}
        found.setdefault(json.dumps(flags, sort_keys=True), []).append(number)
    return list(found.values())


def _flags(run: Run) -> dict[str, str]:
    config = run.record.get("config")
    if not isinstance(config, dict):
        config = dataclasses.asdict(run.config)
    return {name: _text(v) for name, v in config.items() if name not in _NOT_COMPARED}


def _data(run: Run) -> dict[str, str]:
    data = _plain(run, "data", whole=True)
    sums = data.get("sha256")
    found = {name: _text(value) for name, value in data.items() if name in ("name", "rows")}
    for name, value in sums.items() if isinstance(sums, dict) else ():
        found[f"SHA-256 of {name}"] = str(value)[:12]
    return found


def _plain(run: Run, part: str, whole: bool = False) -> dict[str, Any]:
    found = run.record.get(part)
    found = found if isinstance(found, dict) else {}
    return found if whole else {name: _text(value) for name, value in found.items()}


def _differing(
    section: str, found: Sequence[dict[str, str]], seed: bool = True
) -> list[tuple[str, str, tuple[str, ...]]]:
    names = dict.fromkeys(name for each in found for name in each)
    rows = []
    for name in names:
        values = tuple(each.get(name, "-") for each in found)
        if len(set(values)) > 1 and (seed or name != "seed"):
            rows.append((section, name, values))
    return rows


def _metrics(groups: Sequence[Sequence[Run]]) -> list[tuple[str, str, tuple[str, ...]]]:
    last = [[_plain(run, "metrics", whole=True) for run in group] for group in groups]
    names = sorted({name for group in last for metrics in group for name in metrics})
    rows = [
        ("metric", name, tuple(_spread([m.get(name) for m in group]) for group in last))
        for name in names
    ]
    bests = [[best(run) for run in group] for group in groups]
    for metric in dict.fromkeys(found[0] for group in bests for found in group):
        values = [[v if name == metric else None for name, v, _ in group] for group in bests]
        rows.append(("metric", f"best {metric}", tuple(_spread(group) for group in values)))
    times = [[seconds(run.record) for run in group] for group in groups]
    rows.append(("time", "seconds", tuple(_spread(group) for group in times)))
    return rows


def _spread(values: Sequence[Any]) -> str:
    """A number, or the mean and standard deviation of several."""
    numbers = [float(value) for value in values if value is not None]
    if not numbers:
        return "-"
    if len(numbers) == 1:
        return texts.number(numbers[0], 6)
    mean, spread = np.mean(numbers), np.std(numbers, ddof=1)
    return f"{texts.number(float(mean))} ± {texts.number(float(spread), 2)}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return json.dumps(value)
