"""Targets of regression far from what a new network gives."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, Finding
from mlp_lab.diagnosis.rule import Rule


class TargetRange(Rule):
    """Targets so large, small or far from 0 that weights take too long to get there."""

    group = "target range"
    needs = ("labels", "experiments")
    always = False

    def find(self, evidence):
        y = np.asarray(evidence.labels, np.float64)
        if not evidence.failing or evidence.task.form != "numbers" or not np.isfinite(y).all():
            return
        size, std = float(np.sqrt(np.mean(y**2))), float(y.std())
        if not (size > 4 or 0 < std < 0.05):
            return
        found = evidence.experiments.scaled_targets()
        if found is None:
            return
        yield Finding(
            self.group,
            f"targets of mean {y.mean():.4g} and standard deviation {std:.4g} are far from what a "
            "new network gives",
            "labels",
            (evidence.experiments.told("the model on standardized targets", found),),
            "y = (y - y.mean()) / y.std()",
            CERTAIN,
            since=0,
            alternatives=("rate too low", "rate too high"),
        )
