"""A learning rate that is too high, or too low for the number of steps."""

import keras
import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_HIGH, _LOW = 0.1, 1e-5


class _Rate(Rule):
    """Tries other rates from the initial weights."""

    needs = ("looks",)
    always = False

    def _change(self, evidence, rate):
        name = type(evidence.subject.model.optimizer).__name__
        known = hasattr(keras.optimizers, name)
        code = f"{'keras.optimizers.' if known else ''}{name}(learning_rate={rate:.3g})"
        return evidence.subject.words(f"--learning_rate={rate:.3g}", code)

    def _best(self, evidence, factors):
        tried = evidence.experiments
        if tried is None:
            return None
        found = {f: tried.rate(f) for f in factors}
        good = {f: o for f, o in found.items() if o is not None}
        if not good:
            return None
        factor = max(good, key=lambda f: good[f].skill)
        told = tried.told(f"the learning rate {tried.learning_rate * factor:.3g}", good[factor])
        return tried.learning_rate * factor, told

    def _found(self, evidence, what, why, rate, sure, alternatives=()):
        change = self._change(evidence, rate)
        return Finding(self.group, what, "optimizer", why, change, sure, 0, alternatives)


def early_ratio(evidence) -> float:
    """The largest update of a layer, as a share of its weights, in the first steps looked at."""
    looks = [look for look in evidence.history.looks if look.ratios][:4]
    values = [max(look.ratios.values()) for look in looks]
    return float(np.median(values)) if values else np.nan


class RateTooHigh(_Rate):
    """The model learns with a tenth of the rate, or less."""

    group = "rate too high"

    def find(self, evidence):
        if not evidence.failing:
            return
        ratio, broken = early_ratio(evidence), evidence.history.broken
        if broken is None and ratio < 2e-3:
            return
        sizes = f"first updates are {ratio:.2g} of the weights' size; around 0.001 is usual"
        factors = (0.1, 0.01, 0.001) if broken is not None or ratio > 0.3 else (0.1, 0.01)
        best = self._best(evidence, factors)
        if best is not None:
            rate, told = best
            what = "the learning rate is too high"
            yield self._found(evidence, what, (sizes, told), rate, CERTAIN)
            return
        untried = evidence.experiments is None or evidence.experiments.refused
        if untried and broken is not None and ratio > _HIGH:
            yield self._found(
                evidence, "the learning rate is probably too high", (sizes,),
                _rate_of(evidence) / 10, PROBABLE, ("inputs not scaled", "initialization"),
            )  # fmt: skip


class RateTooLow(_Rate):
    """The model learns with ten times the rate, or with more steps."""

    group = "rate too low"

    def find(self, evidence):
        if not evidence.failing or evidence.history.broken is not None:
            return
        ratio = early_ratio(evidence)
        sizes = f"first updates are {ratio:.2g} of the weights' size; around 0.001 is usual"
        if evidence.experiments is None or evidence.experiments.refused:
            if ratio < _LOW:
                yield self._found(
                    evidence, "the learning rate is probably too low", (sizes,),
                    _rate_of(evidence) * 100, PROBABLE, ("vanishing",),
                )  # fmt: skip
            return
        best = self._best(evidence, _raised(ratio))
        if best is not None:
            rate, told = best
            what = "the learning rate is too low for the number of steps"
            yield self._found(evidence, what, (sizes, told), rate, CERTAIN)
            return
        times = int(np.clip(3000 // max(evidence.subject.steps, 1), 0, 30))
        found = evidence.experiments.longer(times) if times >= 4 else None
        if found is not None:
            told = evidence.experiments.told("the model as it is", found)
            epochs = max(len(evidence.history.epochs), 1) * times
            yield Finding(
                self.group,
                "there are too few steps for this learning rate",
                "optimizer",
                (sizes, told),
                evidence.subject.words(f"--epochs={epochs}", f"fit(..., epochs={epochs})"),
                CERTAIN,
                since=0,
            )


def _raised(ratio: float) -> tuple[float, ...]:
    """Factors that lift updates of this size to usual ones, 0.001 to 0.01 of the weights."""
    if not 0 < ratio < 1e-3:
        return (10.0,)
    power = float(np.clip(np.round(np.log10(3e-3 / ratio)), 1, 8))
    return tuple(10.0**p for p in sorted({1.0, power, power + 1}))


def _rate_of(evidence) -> float:
    return float(np.asarray(evidence.subject.model.optimizer.learning_rate))
