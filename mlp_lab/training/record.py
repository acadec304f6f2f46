"""The record of a run: what it was, where its data came from, how it went."""

import dataclasses
import datetime
import importlib.metadata
import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import keras

import mlp_lab
from mlp_lab.callbacks import BestEpoch
from mlp_lab.diagnosis import Finding
from mlp_lab.training.setup import Setup

RUNNING, FINISHED, DIVERGED = "running", "finished", "diverged"
INTERRUPTED, FAILED = "interrupted", "failed"

_STRATEGIES = ("none", "mirrored", "multi_worker")
_PACKAGES = ("tensorflow", "keras", "numpy", "tensorboard", "absl-py")

Record = dict[str, Any]
"""What run.json holds: values that `json.dumps` takes, by name."""


def begun(setup: Setup, run: str, before: Mapping[str, Any] | None = None) -> Record:
    """The record of a run that begins now.

    Args:
      setup: what is to be trained.
      run: the run's id.
      before: the record of the run that is resumed, if one is.
    """
    replicas, dataset = setup.replicas, setup.dataset
    record = {
        "status": RUNNING,
        "id": run,
        "started": _now(),
        "command": sys.argv,
        "config": dataclasses.asdict(setup.config),
        "seed": setup.config.seed,
        "data": {"name": dataset.name, **dataset.origin.as_record()},
        "task": dataset.task.kind,
        "parameters": setup.model.count_params(),
        "versions": versions(),
        "machine": machine(),
        "strategy": _STRATEGIES[(replicas.count > 1) + (replicas.workers > 1)],
        "replicas": replicas.count,
        "workers": replicas.workers,
        "devices": keras.distribution.list_devices(),
    }
    if before is not None:
        record["started"] = before.get("started", record["started"])
        record["resumed"] = [*before.get("resumed", []), _now()]
    return record


def ended(
    record: Record,
    history: Mapping[str, list[float]],
    trouble: str | None,
    watch: BestEpoch | None = None,
    tested: Mapping[str, Mapping[str, float]] | None = None,
    findings: Sequence[Finding] = (),
) -> Record:
    """The record of a run that has come to its end.

    Args:
      record: of its beginning.
      history: every log after every epoch.
      trouble: what was not finite in training, or None.
      watch: what looked for the best epoch; if the model is that epoch's, so are the metrics.
      tested: figures by name, under `test` of the test part, if it was left for the end, and
        under `baseline` of what knowing nothing gives there.
      findings: of its diagnosis.
    """
    logs = history
    if watch is not None and watch.best is not None and watch.restored:
        logs = {name: [value] for name, value in watch.best.logs.items()}
    ended = {
        **record,
        "status": FINISHED if trouble is None and finite_losses(history) else DIVERGED,
        "ended": _now(),
        "epochs": len(history.get("loss", [])),
        "metrics": last(logs),
        **{part: _finite(figures) for part, figures in (tested or {}).items()},
        "findings": [finding.as_record() for finding in findings],
        "history": {name: [finite(v) for v in vs] for name, vs in history.items()},
    }
    if watch is not None:
        ended["best"] = None if watch.best is None else watch.best.as_record()
        trouble = trouble or watch.why_stopped
    return ended if trouble is None else {**ended, "reason": trouble}


def broken_off(record: Record, error: BaseException, interrupted: bool) -> Record:
    """The record of a run that an error or a signal has ended."""
    status = INTERRUPTED if interrupted else FAILED
    reason = f"{type(error).__name__}: {error}"
    return {**record, "status": status, "reason": reason, "ended": _now()}


def other_versions(before: Mapping[str, Any]) -> list[str]:
    """Packages whose versions are not those of an earlier record, with both."""
    was = before.get("versions", {})
    return [f"{n} {was[n]}, now {now}" for n, now in versions().items() if was.get(n, now) != now]


def versions() -> dict[str, str]:
    """Versions of the lab, Python and the packages that it runs on."""
    return {
        "mlp_lab": mlp_lab.__version__,
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in _PACKAGES},
    }


def machine() -> Record:
    """The system and its processors: times, and the last digits of results, depend on them."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
    }


def finite_losses(history: Mapping[str, list[float]]) -> bool:
    """Whether the losses are finite; a metric may be NaN by its own definition."""
    return all(math.isfinite(value) for value in history["loss"] + history["val_loss"])


def finite(value: float) -> float | str:
    """A number as JSON can hold it: NaN and infinities as their names."""
    return float(value) if math.isfinite(value) else str(float(value))


def _finite(figures: Mapping[str, float]) -> dict[str, float | str]:
    return {name: finite(value) for name, value in figures.items()}


def last(history: Mapping[str, list[float]]) -> dict[str, float | str]:
    """Each log's value after the last of the epochs."""
    return {name: finite(values[-1]) for name, values in sorted(history.items())}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
