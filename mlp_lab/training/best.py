"""The best epoch of a run: which log says it, and whether there is such a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from mlp_lab.callbacks import BestEpoch
from mlp_lab.callbacks.direction import direction_of, flat, logs_of
from mlp_lab.errors import InputError, near_miss
from mlp_lab.models import GlassBox
from mlp_lab.options.config import Config

if TYPE_CHECKING:
    from mlp_lab.training.setup import Setup

# Whoever overrides one of these may log anything.
_LOGGING = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "metrics")


def watch(config: Config) -> BestEpoch | None:
    """What looks for the best epoch; None if nothing asks for it."""
    if not config.finds_best:
        return None
    direction, patience = config.monitor_direction, config.patience or None
    return BestEpoch(config.monitored, direction, patience, restore=config.keep == "best")


def check_monitor(setup: Setup) -> None:
    """Refuses a log that there is not, or of which nobody says whether more is better.

    Raises:
      InputError: the names of all logs are known, and that is not among them; or its direction
        is neither given nor known.
    """
    config, model = setup.config, setup.model
    if not config.finds_best:
        return
    name = config.monitored
    # Those of `compile` are not in `model.metrics` before the first batch.
    metrics = [*flat(model.metrics), *setup.metrics]
    logs = [*dict.fromkeys(["loss", *(log for metric in metrics for log in logs_of(metric))])]
    logs += [f"val_{log}" for log in logs]
    if name not in logs and not _logs_more(model):
        raise InputError(
            "monitor",
            f"this run has no log {name!r}{near_miss(name, logs)}; choose one of {', '.join(logs)}",
        )
    if config.monitor_direction == "auto" and direction_of(name, metrics) is None:
        raise InputError(
            "monitor_direction",
            f"cannot tell whether a larger or a smaller {name!r} is better; give max or min, or "
            "state `direction` in the class of the metric",
        )


def _logs_more(model: keras.Model) -> bool:
    cls, own = type(model), GlassBox
    return any(
        getattr(cls, name) is not getattr(own, name, getattr(keras.Model, name))
        for name in _LOGGING
    )
