"""A learning rate for a model, from trainings of a few steps."""

import math
from typing import Any

import numpy as np

from mlp_lab.search.curve import smoothed, steepest
from mlp_lab.search.found import FoundRate
from mlp_lab.search.trials import Trials, trials

LOWEST, HIGHEST = 1e-6, 10.0
# Steps of a ramp: seven to each factor of ten.
_RAMP = 48
# Steps of a short training, at least and at most; between, a twelfth of an epoch.
_SHORT, _LONG = 40, 200
# From one rate that is tried to the next: half of a factor of 3 on the logarithm.
_FACTOR = math.sqrt(3)
# The lowest rate is chosen whose loss is above the lowest loss by at most this share of it, and
# those whose loss is by at most the other share make up the range.
_NEARLY, _RANGE = 0.1, 0.5
# A difference counts if it is this many times its standard error.
_SURE = 3.0
# Orders of rows: of the ramps from 0 on, and of the short trainings.
_ORDER = 1000


def find_lr(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    batch_size: int = 32,
    restarts: int = 3,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
) -> FoundRate:
    """Finds a learning rate by training a little, with the model's own step, from where it is.

    First the rate rises in even steps of its logarithm from `lowest` to `highest`, several times
    on different batches. Of the losses, smoothed with a correction for the start and averaged,
    the steepest fall over the logarithm of the rate is where the search begins. Short trainings
    at 1/3, 1 and 3 times that rate, from the same state and on the same batches, show where a
    better one is, until the best lies between two worse ones. The lowest rate is chosen whose loss
    is within a tenth of the best: what is best for a few steps is often too high for many.

    It refuses if the loss never fell by more than its noise, compared with the same batches at a
    rate of 0; and if it fell no further than it does when every x has the y of another
    row, so that only the distribution of y is learned.

    Nothing is changed by it: weights, optimizer, metrics, counters, random generators and the
    order of samples are as before, and a `fit` after it equals one without it, bit for bit. The
    weights of a model that is not built and the optimizer's variables are made, as `fit` would
    (TensorFlow then traces the step once less). An optimizer's schedule is not used.

    Args:
      model: a compiled `mlp_lab.Model` or `GlassBox` with one optimizer, at any point of its
        training.
      x: as for `fit`: arrays, or `mlp_lab.data.Rows`.
      y: likewise; None if the model needs none.
      sample_weight: likewise.
      batch_size: the one that will be trained with: the best rate depends on it.
      restarts: ramps, each on other batches, from 1 to 20.
      lowest: first rate of a ramp, above 0.
      highest: its last rate.

    Returns:
      A `FoundRate`: its `value` is the rate, or raises a `NoLearningRate` with the reason.

    Raises:
      ValueError: the model is not compiled, on several devices or has several optimizers; the data
        are not arrays; or an argument is out of range.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    >>> y = x @ np.arange(8, dtype="float32")[:, None]
    >>> model = mlp_lab.MLP([16], num_classes=1, input_scale=1.0)
    >>> model.compile("adam", "mean_squared_error")
    >>> found = mlp_lab.find_lr(model, x, y, batch_size=32)
    >>> model.optimizer.learning_rate = found.value
    """
    _check(batch_size, restarts, lowest, highest)
    rates = np.geomspace(lowest, highest, _RAMP)
    with trials(model, x, y, sample_weight, batch_size, max(_RAMP, _LONG)) as runs:
        return _Search(runs, rates, restarts).found()


def _check(batch_size: int, restarts: int, lowest: float, highest: float) -> None:
    for name, value, most in (("batch_size", batch_size, None), ("restarts", restarts, 20)):
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if not fits or (most is not None and value > most):
            allowed = "of at least 1" if most is None else f"from 1 to {most}"
            raise ValueError(f"{name}: expected a whole number {allowed}, got {value!r}")
    if not 0 < lowest < highest < math.inf:
        raise ValueError(
            f"lowest, highest: expected 0 < lowest < highest, got {lowest!r} and {highest!r}"
        )


class _Search:
    """One search.

    Args:
      runs: the short trainings.
      rates: of the ramp.
      restarts: how many ramps.
    """

    def __init__(self, runs: Trials, rates: np.ndarray, restarts: int):
        self._runs, self._rates = runs, rates
        self._length = min(max(runs.batches.per_epoch // 12, _SHORT), _LONG)
        self._steps = 0
        self._ramps = np.array([self._losses(order, rates) for order in range(restarts)])
        self._start = 0.0  # the rate that the powers of _FACTOR multiply
        self._tried: dict[int, np.ndarray] = {}  # losses by the power

    def found(self) -> FoundRate:
        """The learning rate, or why there is none."""
        curve = smoothed(self._ramps).mean(axis=0)
        if not np.isfinite(self._ramps[:, 0]).all():
            return self._refused("the loss is not finite before the first step")
        index = steepest(self._rates, curve)
        if index is None:
            return self._refused(
                f"the loss did not fall at any rate from {self._rates[0]:.2g} to "
                f"{self._rates[-1]:.2g}"
            )
        self._start = float(self._rates[index])
        self._climb()
        untrained, best = self._short(0.0), self._best()
        reason = self._no_fall(untrained, best) or self._nothing_learned(self._chosen(_NEARLY)[0])
        powers = self._chosen(_RANGE, both=True)
        answer = self._chosen(_NEARLY)[0], powers[0], powers[-1]
        rates = [None if reason else self._rate(power) for power in answer]
        return self._with(
            steepest=self._start,
            untrained=float(_half(untrained).mean()),
            reason=reason,
            **dict(zip(("chosen", "low", "high"), rates, strict=True)),
        )

    def _climb(self) -> None:
        """Tries rates until the best one is between two that are worse, and then next to it."""
        for power in (-2, 0, 2):
            self._try(power)
        while np.isfinite(self._score(best := self._best())):
            further = [p for p in (best - 2, best + 2) if p not in self._tried and self._allowed(p)]
            if not further:
                break
            self._try(further[0])
        while not np.isfinite(self._score(self._best())) and self._allowed(min(self._tried) - 2):
            self._try(min(self._tried) - 2)
        best = self._best()
        for power in (best - 1, best + 1):
            self._try(power)

    def _allowed(self, power: int) -> bool:
        return self._rates[0] / 10 <= self._rate(power) <= 10 * self._rates[-1]

    def _try(self, power: int) -> None:
        self._tried[power] = self._short(self._rate(power))

    def _short(self, rate: float, mixed: bool = False) -> np.ndarray:
        return self._losses(_ORDER, np.full(self._length, rate), mixed)

    def _losses(self, order: int, rates: np.ndarray, mixed: bool = False) -> np.ndarray:
        found = self._runs.losses(order, rates, mixed)
        self._steps += int(np.isfinite(found).sum())
        return found

    def _rate(self, power: int) -> float:
        return float(f"{self._start * _FACTOR**power:.2g}")

    def _score(self, power: int) -> float:
        return float(_half(self._tried[power]).mean())

    def _best(self) -> int:
        return min(self._tried, key=self._score)

    def _chosen(self, share: float, both: bool = False) -> list[int]:
        """Powers next to the best one, lower and perhaps higher, with losses nearly as low."""
        best = self._best()
        lowest = self._score(best)
        first = float(self._ramps[:, 0].mean())
        most = lowest + share * min(abs(lowest), abs(first - lowest))
        powers = sorted(self._tried)
        chosen = [best]
        at = powers.index(best)
        for power in reversed(powers[:at]):
            if self._score(power) > most:
                break
            chosen.insert(0, power)
        for power in powers[at + 1 :] if both else ():
            if self._score(power) > most:
                break
            chosen.append(power)
        return chosen

    def _no_fall(self, untrained: np.ndarray, best: int) -> str | None:
        mean, error = _difference(untrained, self._tried[best])
        if mean > _SURE * error:
            return None
        return (
            f"the loss never fell by more than its noise: at {self._rate(best):.2g}, the best of "
            f"{len(self._tried)} rates tried, by {mean:.2g} ± {error:.2g} in {self._length} steps"
        )

    def _nothing_learned(self, power: int) -> str | None:
        if not self._runs.batches.labeled:
            return None
        mixed = self._short(self._rate(power), mixed=True)
        mean, error = _difference(mixed, self._tried[power])
        if mean > _SURE * error:
            return None
        return (
            "the loss falls as far when every x has the y of another row, so that x was of no use "
            f"in {self._length} steps at {self._rate(power):.2g} (difference {mean:.2g} ± "
            f"{error:.2g}); check that labels and inputs belong together"
        )

    def _refused(self, reason: str) -> FoundRate:
        return self._with(reason=reason)

    def _with(self, **facts: Any) -> FoundRate:
        tried = {self._rate(p): self._score(p) for p in sorted(self._tried)}
        return FoundRate(self._rates, self._ramps, tried=tried, steps=self._steps, **facts)


def _half(losses: np.ndarray) -> np.ndarray:
    """The second half."""
    return losses[len(losses) // 2 :]


def _difference(higher: np.ndarray, lower: np.ndarray) -> tuple[float, float]:
    """Mean and standard error of the differences of the second halves, batch by batch."""
    pairs = _half(higher), _half(lower)
    if not np.isfinite(pairs[1]).all():
        return 0.0, math.inf
    if not np.isfinite(pairs[0]).all():
        return math.inf, 0.0
    differences = pairs[0] - pairs[1]
    return float(differences.mean()), float(differences.std(ddof=1) / math.sqrt(len(differences)))
