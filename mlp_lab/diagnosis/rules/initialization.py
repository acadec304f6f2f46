"""Initial weights that a network cannot learn from."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_NARROW, _WIDE, _BIAS = 0.2, 4.0, 3.0


class Initialization(Rule):
    """Units that begin equal, and kernels too large or too small for their inputs."""

    group = "initialization"
    needs = ("start",)
    always = False

    def find(self, evidence):
        named = evidence.start.weights
        kernels = {n: w for n, w in named.items() if n.endswith("kernel") and np.ndim(w) == 2}
        looks = evidence.history.looks
        if not kernels or (looks and looks[0].step > 0):
            return
        for name, kernel in list(kernels.items())[:-1]:
            if kernel.shape[1] > 1 and (kernel == kernel[:, :1]).all():
                where = name.rpartition("/")[0]
                equal = "0" if not kernel.any() else f"{kernel.flat[0]:.4g}"
                yield self._found(
                    evidence,
                    "all units of the layer begin equal, get equal gradients, and stay equal",
                    where,
                    f"all {kernel.size:,} weights of {name} are {equal}",
                    CERTAIN,
                )
                return
        if not evidence.failing:
            return
        odd = {
            name: float(w.std() * np.sqrt(w.shape[0]))
            for name, w in kernels.items()
            if not _NARROW <= w.std() * np.sqrt(w.shape[0]) <= _WIDE
        }
        biases = {n: w for n, w in named.items() if n.endswith("bias") and np.abs(w).max() > _BIAS}
        if not odd and not biases:
            return
        worst = max(odd, key=lambda n: abs(np.log(odd[n] + 1e-12)), default=next(iter(biases), ""))
        value = f"standard deviation x sqrt(inputs) is {odd[worst]:.3g}, usual are 0.5 to 1.5"
        why = value if worst in odd else f"{worst} goes up to {np.abs(biases[worst]).max():.3g}"
        tried = evidence.experiments
        found = tried.reinitialized() if tried is not None else None
        where = worst.rpartition("/")[0]
        what = "initial weights are too large or too small for the number of inputs"
        if found is not None:
            told = tried.told("the model with Glorot's initial weights", found)
            yield self._found(evidence, what, where, f"{why}; {told}", CERTAIN)
        elif (tried is None or tried.refused) and evidence.history.broken is not None:
            yield self._found(evidence, what, where, why, PROBABLE)

    def _found(self, evidence, what, where, why, sure):
        change = evidence.subject.words(
            "--kernel_initializer=glorot_uniform", "Dense(..., kernel_initializer='glorot_uniform')"
        )
        return Finding(self.group, what, where, (why,), change, sure, since=0)
