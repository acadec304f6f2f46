"""Whether a larger or a smaller value of a log is better."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import keras

Direction = Literal["max", "min"]

_KERAS = {"up": "max", "down": "min"}


def direction_of(monitor: str, metrics: Iterable[Any], outputs: Iterable[str] = ()) -> str | None:
    """The direction in which a log gets better, "max" or "min"; None if nothing tells.

    A metric tells by a class attribute `direction`, "max" or "min". Keras' own metrics tell
    too. Losses, of the model and of its outputs, get better as they get smaller.

    Args:
      monitor: name of the log, such as "val_accuracy".
      metrics: of the model.
      outputs: names of the model's outputs, which Keras puts before the names of metrics.
    """
    name = monitor.removeprefix("val_")
    given = [*flat(metrics)]
    prefixes = ["", *(f"{output}_" for output in outputs)]
    if name in [f"{prefix}loss" for prefix in prefixes]:
        return "min"
    for prefix in prefixes:
        for metric in given:
            if any(name == prefix + log for log in logs_of(metric)):
                return stated(metric)
    return "min" if name.endswith("_loss") else None


def stated(metric: Any) -> str | None:
    """What a metric says of itself, or Keras of its own; None if it does not.

    Keras has no public name for what its metrics say; tests/test_best_epoch.py notices a change.
    """
    own = getattr(metric, "direction", None)
    if own in ("max", "min"):
        return str(own)
    return _KERAS.get(str(getattr(metric, "_direction", None)))


def flat(metrics: Iterable[Any]) -> Iterator[keras.Metric]:
    """Single metrics; `model.metrics` has those of `compile` in a metric that holds them."""
    for metric in metrics:
        held = getattr(metric, "metrics", None)
        yield from held if isinstance(held, list) else [metric]


def logs_of(metric: Any) -> list[str]:
    """The names under which a metric is logged: its own, or those in the dict of its result."""
    result = metric.result()
    return [*map(str, result)] if isinstance(result, dict) else [metric.name]
