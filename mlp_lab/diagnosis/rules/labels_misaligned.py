"""Labels that belong to other rows."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule
from mlp_lab.diagnosis.trial import Change

_ROWS = 200
_CHANCE = 0.03


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
        chance = evidence.task.classes(subject.y) is not None and own < _CHANCE
        if chance and len(subject.y) >= 2 * _ROWS and self._unlearned(tried):
            yield self._found(
                "labels do not depend on the inputs in any way that was tried",
                f"on rows that are held out, a linear model and nearest neighbors reach {own:.2f}, "
                "the model at three rates no more, where 0 is as ignorance",
                PROBABLE,
                ("labels that the inputs do not determine",),
            )

    def _unlearned(self, tried) -> bool:
        """Whether the model, at no rate, learns anything that holds for other rows."""
        factors = {"as it is": 1.0, "a tenth of the rate": 0.1, "ten times the rate": 10.0}
        found = [tried.run(name, Change(rate=factor)) for name, factor in factors.items()]
        return all(each is not None and each.skill < 2 * _CHANCE for each in found)

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
