"""Labels that belong to other rows."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_ROWS = 200


class LabelsMisaligned(Rule):
    """Labels that simple models learn only if they are shifted, or not at all."""

    group = "labels misaligned"
    needs = ("labels", "experiments")
    always = False

    def find(self, evidence):
        subject, tried = evidence.subject, evidence.experiments
        if not evidence.ended or subject.labels is None or len(subject.y) < _ROWS:
            return
        if not isinstance(subject.x, np.ndarray):
            return
        n = len(subject.labels)
        if subject.chosen is None or subject.chosen.max() >= n:
            return
        own = self._skill(tried, subject.y)
        if not np.isfinite(own):
            return
        moves = {
            "shifted by one row": (subject.chosen + 1) % n,
            "shifted by minus one row": (subject.chosen - 1) % n,
            "in the opposite order": n - 1 - subject.chosen,
        }
        for name, rows in moves.items():
            skill = self._skill(tried, subject.labels[rows])
            if skill >= own + 0.3:
                yield self._found(
                    f"labels {name} belong to the rows",
                    f"simple models (linear, nearest neighbors) learn them to {skill:.2f}, as they "
                    f"are to {own:.2f}",
                    CERTAIN,
                )
                return
        chance = evidence.task.classes(subject.y) is not None and max(tried.final, own) < 0.03
        if evidence.failing and chance and len(subject.y) >= 400 and self._wide(evidence):
            yield self._found(
                "labels do not depend on the inputs in any way that was tried",
                f"linear model and nearest neighbors {own:.2f}, the model {tried.final:.2f}, where "
                "0 is as ignorance",
                PROBABLE,
                ("labels that the inputs do not determine",),
            )

    def _wide(self, evidence) -> bool:
        """Whether no rate makes the model learn them either."""
        tried = evidence.experiments
        return all(tried.rate(factor) is None for factor in (0.1, 10.0))

    def _skill(self, tried, y) -> float:
        return max(tried.linear_on(y), tried.nearest(y))

    def _found(self, what, why, sure, alternatives=()):
        return Finding(
            self.group,
            what,
            "rows of x and y",
            (why,),
            "shuffle x and y with one permutation: order = rng.permutation(len(x)); x[order], "
            "y[order]",
            sure,
            alternatives=alternatives,
        )
