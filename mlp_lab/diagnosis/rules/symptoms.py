"""Symptoms: what goes wrong in steps, whatever the cause is."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_EXPLODED = 1e4
_VANISHED = 1e-3
_JUMP = 1.3


class NonFinite(Rule):
    """The loss, a gradient or a weight is NaN or infinite."""

    group = "non-finite"
    needs = ("looks",)

    def find(self, evidence):
        step = evidence.history.broken
        if step is not None:
            yield Finding(
                self.group,
                "the loss, a gradient or a weight is NaN or infinite",
                "the step",
                (f"seen at step {step}",),
                evidence.subject.words("--learning_rate=0.0001", "optimizer with clipnorm=1.0"),
                CERTAIN,
                since=step,
                alternatives=("rate too high", "inputs not scaled", "initialization"),
            )


class Exploding(Rule):
    """Gradients that grow by orders of magnitude."""

    group = "exploding"
    needs = ("looks",)

    def find(self, evidence):
        sizes = [max(look.gradients.values(), default=0.0) for look in evidence.history.looks]
        if not evidence.failing or not sizes:
            return
        first = next((s for s in sizes if s > 0), 1.0)
        large = [i for i, s in enumerate(sizes) if not s < max(_EXPLODED * min(first, 1), 100)]
        if large:
            step = evidence.history.looks[large[0]].step
            yield Finding(
                self.group,
                f"gradients have grown from {first:.2g} to {sizes[large[0]]:.2g}",
                "kernels",
                ("root mean square of the largest kernel's gradient",),
                "optimizer with clipnorm=1.0",
                PROBABLE,
                since=step,
                alternatives=("rate too high", "initialization", "inputs not scaled"),
            )


class Vanishing(Rule):
    """Gradients that shrink from the last layer to the first."""

    group = "vanishing"
    needs = ("looks", "start")

    def find(self, evidence):
        if not evidence.failing:
            return
        shares = []
        for look in evidence.history.looks:
            sizes = list(look.gradients.values())
            if len(sizes) >= 3 and sizes[-1] > 0 and look.finite:
                shares.append((sizes[0] / sizes[-1], look.step))
        kinds = set(evidence.start.hidden().values())
        soft = kinds & {"sigmoid", "tanh", "hard_sigmoid", "softsign"}
        deep = bool(shares) and np.median([s for s, _ in shares]) < _VANISHED
        if not soft or not (deep or len(evidence.start.hidden()) >= 3):
            return
        tried = evidence.experiments
        found = tried.activated("relu") if tried is not None else None
        if not deep and found is None:
            return
        told = (tried.told("ReLU in the hidden layers", found),) if found is not None else ()
        share = np.median([s for s, _ in shares]) if shares else np.nan
        yield Finding(
            self.group,
            f"the gradient hardly reaches the first layer through {len(evidence.start.hidden())} "
            f"layers of {sorted(soft)[0]}",
            next(iter(evidence.start.hidden())),
            (f"its kernel's gradient is {share:.1g} of that of the last", *told),
            evidence.subject.words("--activation=relu", "Dense(..., activation='relu')"),
            CERTAIN if found is not None else PROBABLE,
            since=0,
            alternatives=("hidden activation", "rate too low"),
        )


class Dead(Rule):
    """ReLU units that give 0 for every row."""

    group = "dead units"
    needs = ("looks",)

    def find(self, evidence):
        if not evidence.failing:
            return
        last: dict[str, float] = {}
        for look in evidence.history.looks[-2:]:
            last.update(look.dead)
        worst = max(last, key=lambda name: last[name], default=None)
        if worst is None or last[worst] < 0.5:
            return
        since = next(k.step for k in evidence.history.looks if k.dead.get(worst, 0) >= 0.5)
        yield Finding(
            self.group,
            f"{last[worst]:.0%} of the units of {worst} give 0 for every row: no gradient passes",
            worst,
            (f"half of them since step {since}",),
            evidence.subject.words("--activation=leaky_relu", "activation='leaky_relu'"),
            CERTAIN if last[worst] == 1 else PROBABLE,
            since=since,
            alternatives=("rate too high", "initialization"),
        )


class Saturated(Rule):
    """Sigmoid and tanh units that are always near a bound."""

    group = "saturated units"
    needs = ("looks",)

    def find(self, evidence):
        looks = evidence.history.looks
        if not evidence.failing or not looks[-1].saturated:
            return
        worst = max(looks[-1].saturated, key=lambda name: looks[-1].saturated[name])
        share = looks[-1].saturated[worst]
        if share < 0.7:
            return
        since = next(look.step for look in looks if look.saturated.get(worst, 0) >= 0.7)
        yield Finding(
            self.group,
            f"{share:.0%} of the outputs of {worst} are at a bound, where the slope is nearly 0",
            worst,
            (f"within 2 % of a bound, since step {since}",),
            evidence.subject.words("--activation=relu", "activation='relu'"),
            PROBABLE,
            since=since,
            alternatives=("inputs not scaled", "initialization", "rate too high"),
        )


class Oscillation(Rule):
    """A loss that jumps up and down from epoch to epoch."""

    group = "oscillation"
    needs = ("epochs",)

    def find(self, evidence):
        loss = evidence.history.log("loss")
        if not evidence.failing or len(loss) < 6 or not (loss > 0).all():
            return
        jumps = int(np.sum(loss[1:] > _JUMP * loss[:-1]))
        if jumps >= max(2, len(loss) // 4):
            yield Finding(
                self.group,
                f"the loss rose by {_JUMP - 1:.0%} or more in {jumps} of {len(loss) - 1} epochs",
                "loss",
                (f"from {loss.min():.3g} to {loss.max():.3g}",),
                "a tenth of the learning rate",
                PROBABLE,
                alternatives=("rate too high", "batches too small"),
            )


class NotLearning(Rule):
    """No cause has been found, but a simple model does better."""

    group = "not learning"
    needs = ("labels", "experiments")
    alone = True

    def find(self, evidence):
        tried = evidence.experiments
        if not evidence.failing or not tried.final < 0.1:
            return
        simple = np.nanmax([tried.linear, tried.nearest(), 0.0])
        if simple >= 0.3 and len(evidence.labels) >= 50:
            yield Finding(
                self.group,
                "the model has learned nothing that ignorance does not know",
                "model",
                (f"skill {tried.final:.2f}; a linear model or nearest neighbors: {simple:.2f}",),
                "train on one batch first, until it is learned",
                PROBABLE,
            )
