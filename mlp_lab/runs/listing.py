"""The runs in a folder, a line each."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlp_lab.errors import InputError
from mlp_lab.runs.layout import is_run
from mlp_lab.runs.run import Run

# Of other metrics lower is better.
_HIGHER = ("accuracy", "auc", "f1", "r2", "precision", "recall", "top_")
_DEEPEST = 4


@dataclasses.dataclass(frozen=True)
class Entry:
    """One run of a list.

    Attributes:
      name: its folder, relative to the folder of the list.
      status: as in its record.
      data: the name of its data.
      best: the best value of `metric` after an epoch; None before the first.
      metric: its first metric, on the data that it was tested on.
      epochs: how many were trained.
      seconds: from its beginning to its end, or since then; None if the record does not say.
      bytes: of all its files.
      started: when it began, in ISO 8601; empty if the record does not say.
    """

    name: str
    status: str
    data: str
    best: float | None
    metric: str
    epochs: int | None
    seconds: float | None
    bytes: int
    started: str


SORTS = tuple(field.name for field in dataclasses.fields(Entry))


def list_runs(folder: str | os.PathLike[str] = "logs", sort: str = "started") -> list[Entry]:
    """The runs in a folder, and in folders within it.

    Args:
      folder: the folder that holds them.
      sort: the field of `Entry` to sort by; what has no value comes last.

    Raises:
      InputError: there is no such folder, or no such field.
    """
    if sort not in SORTS:
        raise InputError("sort", f"expected one of {', '.join(SORTS)}, got {sort!r}")
    path = Path(os.path.expanduser(os.fspath(folder)))
    if not path.is_dir():
        raise InputError("", f"there is no folder {os.fspath(folder)!r}; give the folder of runs")
    entries = [_entry(Run(found, found), path) for found in _runs(path, _DEEPEST)]

    def key(entry: Entry) -> tuple[bool, Any]:
        value = getattr(entry, sort)
        return value is None, "" if value is None else value

    return sorted(entries, key=key)


def best(run: Run) -> tuple[str, float | None, int | None]:
    """A run's first metric on test data, its best value and after which epoch, from 1."""
    config = run.record.get("config")
    metrics = config.get("metrics") if isinstance(config, dict) else None
    names = [f"val_{name}" for name in metrics] if isinstance(metrics, list) else []
    history = run.history
    metric = next((name for name in names if name in history), "val_loss")
    values = history.get(metric)
    if values is None or not len(values):
        return metric, None, None
    order = -values if higher_is_better(metric) else values
    finite = [i for i in range(len(values)) if abs(order[i]) < float("inf")]
    if not finite:
        return metric, None, None
    epoch = min(finite, key=lambda i: order[i])
    return metric, float(values[epoch]), epoch + 1


def higher_is_better(metric: str) -> bool:
    """Whether a higher value of a metric, known by its name, is better."""
    return any(part in metric for part in _HIGHER)


def seconds(record: dict[str, Any]) -> float | None:
    """From a run's beginning to its end; of one that is not over, until now."""
    try:
        start = datetime.datetime.fromisoformat(record["started"])
        now = datetime.datetime.now(datetime.UTC)
        end = datetime.datetime.fromisoformat(record["ended"]) if "ended" in record else now
        return max((end - start).total_seconds(), 0.0)
    except (KeyError, TypeError, ValueError):
        return None


def size(folder: Path) -> int:
    """Bytes of all files in a folder; links are not followed."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except OSError:  # it has just been removed
                continue
    return total


def _runs(folder: Path, deep: int) -> Iterator[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return
    for entry in entries:
        if is_run(entry):
            yield entry
        elif deep and not entry.is_symlink():
            yield from _runs(entry, deep - 1)


def _entry(run: Run, folder: Path) -> Entry:
    record = run.record
    data = record.get("data")
    metric, value, _ = best(run)
    epochs = record.get("epochs")
    return Entry(
        name=str(run.path.relative_to(folder)),
        status=run.status,
        data=str(data.get("name", "")) if isinstance(data, dict) else "",
        best=value,
        metric=metric,
        epochs=epochs if isinstance(epochs, int) else None,
        seconds=seconds(record),
        bytes=size(run.path),
        started=str(record.get("started", "")),
    )
