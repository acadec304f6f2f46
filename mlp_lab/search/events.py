"""The curves of a search for TensorBoard."""

import os
from pathlib import Path

import numpy as np

from mlp_lab.search.curve import smoothed
from mlp_lab.search.found import FoundRate
from mlp_lab.writers import Writer


def write(found: FoundRate, folder: str | os.PathLike[str]) -> None:
    """Writes the ramps, a step of TensorBoard for each of theirs.

    Tags: `find_lr/learning_rate`, the rate of the step; `find_lr/loss` of each batch and
    `find_lr/smoothed_loss`, up to where the training has diverged. Each restart is a run of its
    own, `ramp_1` and so on; the folder itself has the mean of them all. The rates of the short
    trainings are `find_lr/tried/learning_rate` and `find_lr/tried/loss`, from the lowest to the
    highest rate.
    """
    folder = Path(folder)
    main = Writer(folder)
    _curve(main, found, {"smoothed_loss": found.smoothed})
    for step, (rate, loss) in enumerate(sorted(found.tried.items())):
        _scalars(main, {"tried/learning_rate": rate, "tried/loss": loss}, step)
    main.close()
    for number, losses in enumerate(found.ramps, start=1):
        writer = Writer(folder / f"ramp_{number}")
        _curve(writer, found, {"loss": losses, "smoothed_loss": smoothed(losses)})
        writer.close()


def _curve(writer: Writer, found: FoundRate, curves: dict[str, np.ndarray]) -> None:
    for step, rate in enumerate(found.rates):
        values = {name: float(curve[step]) for name, curve in curves.items()}
        _scalars(writer, {"learning_rate": float(rate), **values}, step)


def _scalars(writer: Writer, values: dict[str, float], step: int) -> None:
    """Those that are finite."""
    kept = {f"find_lr/{name}": v for name, v in values.items() if np.isfinite(v)}
    if kept:
        writer.scalars(kept, step)
