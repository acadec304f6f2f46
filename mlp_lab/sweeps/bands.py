"""Mean and spread over the seeds of each configuration, for TensorBoard."""

import contextlib
import statistics
from pathlib import Path
from typing import Any

from tensorboard.plugins.custom_scalar import layout_pb2, summary

from mlp_lab.sweeps.folder import SweepFolder
from mlp_lab.sweeps.plan import Plan, group_name
from mlp_lab.sweeps.progress import Progress
from mlp_lab.writers import Writer

_BANDS = "seeds"
_PARTS = ("mean", "lower", "upper")


def write_bands(plan: Plan, folder: SweepFolder) -> None:
    """Writes a run `seeds/trial-000` for each configuration that several seeds have finished.

    It has the tags `seeds/LOG/mean`, and `lower` and `upper`, which are a standard deviation below
    and above it, at every epoch; and margin charts of them in Custom Scalars. What an earlier
    call wrote is replaced.
    """
    progress = Progress(plan, folder)
    groups: dict[int, list[dict[str, list[Any]]]] = {}
    for trial in plan.trials:
        status, logs = progress.latest(trial)
        if status == "finished":
            groups.setdefault(trial.number, []).append(logs)
    for number, seeds in groups.items():
        if len(seeds) > 1:
            _write(folder.path / _BANDS / group_name(number), seeds)


def _write(folder: Path, seeds: list[dict[str, list[Any]]]) -> None:
    for old in folder.glob("events.out.tfevents.*"):
        with contextlib.suppress(OSError):
            old.unlink()
    names = sorted(set.intersection(*({*logs} for logs in seeds)))
    writer = Writer(folder)
    for epoch in range(min(len(logs[name]) for logs in seeds for name in names)):
        values: dict[str, float] = {}
        for name in names:
            found = [float(logs[name][epoch]) for logs in seeds]
            mean, spread = statistics.fmean(found), statistics.stdev(found)
            band = (mean, mean - spread, mean + spread)
            values |= {_tag(name, part): v for part, v in zip(_PARTS, band, strict=True)}
        writer.scalars(values, epoch)
    writer.raw(summary.pb(_layout(names)), 0)
    writer.close()


def _layout(names: list[str]) -> Any:
    layout = layout_pb2.Layout()
    category = layout.category.add(title="Mean over seeds, with a standard deviation on each side")
    for name in names:
        value, lower, upper = (_tag(name, part) for part in _PARTS)
        series = {"value": value, "lower": lower, "upper": upper}
        category.chart.add(title=name, margin={"series": [series]})
    return layout


def _tag(name: str, part: str) -> str:
    return f"seeds/{name}/{part}"
