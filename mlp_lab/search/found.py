"""What a search for a learning rate has found."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from mlp_lab.display import Displayed, Row
from mlp_lab.search.curve import smoothed


class NoLearningRate(ValueError):
    """No learning rate was found; the message says why."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FoundRate(Displayed):
    """A learning rate and how it was found, or why none was.

    Attributes:
      rates: float64 [n], the rates of the ramp.
      ramps: float64 [restarts, n], the loss of each batch; infinite once it has diverged.
      steepest: where the smoothed mean of the ramps falls fastest, or None.
      tried: the rates of the short trainings, and the mean loss of their second halves.
      untrained: the mean loss of the same batches at a rate of 0, or None.
      chosen: the rate; None if there is none: see `value`.
      low: the lowest rate near it, of those tried, with which the loss fell nearly as far.
      high: the highest such rate.
      reason: why there is none, or None.
      steps: training steps that the search took.
    """

    rates: np.ndarray
    ramps: np.ndarray
    steepest: float | None = None
    tried: Mapping[float, float] = dataclasses.field(default_factory=dict)
    untrained: float | None = None
    chosen: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    steps: int = 0

    @property
    def value(self) -> float:
        """The learning rate.

        Raises:
          NoLearningRate: none was found.
        """
        if self.chosen is None:
            raise NoLearningRate(f"no learning rate was found: {self.reason}")
        return self.chosen

    @property
    def smoothed(self) -> np.ndarray:
        """float64 [n], the mean of the smoothed ramps."""
        return smoothed(self.ramps).mean(axis=0)

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = [("steepest", self.steepest), ("steps", self.steps)]
        rows += [(f"loss at {rate:.2g}", loss) for rate, loss in sorted(self.tried.items())]
        if self.untrained is not None:
            rows.append(("loss at 0", self.untrained))
        if self.chosen is None:
            return f"none: {self.reason}", rows
        return f"{self.chosen:.2g}, from {self.low:.2g} to {self.high:.2g}", rows
