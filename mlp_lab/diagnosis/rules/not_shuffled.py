"""Rows in the order of their labels."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule


class NotShuffled(Rule):
    """Batches of one class only, or held-out rows of classes that are never trained on."""

    group = "not shuffled"
    needs = ("labels",)

    def find(self, evidence):
        subject, task = evidence.subject, evidence.task
        if subject.labels is None:
            return
        classes = task.classes(subject.labels)
        if classes is None:
            yield from self._numbers(evidence)
            return
        if subject.held_out is not None:
            held = set(np.unique(task.classes(subject.held_out)).tolist())
            new = sorted(held - set(np.unique(classes).tolist()))
            if new and len(classes) >= 20:
                yield Finding(
                    self.group,
                    f"rows of class {', '.join(map(str, new[:5]))} are only among those held out",
                    "validation rows, the last ones",
                    (f"{len(classes):,} rows to train on have none of {len(new)} classes",),
                    "shuffle x and y with one permutation before fit",
                    CERTAIN,
                )
                return
        batches = len(classes) // subject.batch_size
        if subject.shuffle or batches < 4 or len(np.unique(classes)) < 2:
            return
        rows = classes[: batches * subject.batch_size].reshape(batches, -1)
        pure = float(np.mean((rows == rows[:, :1]).all(axis=1)))
        most = np.bincount(classes - classes.min()).max() / len(classes)
        if subject.batch_size >= 4 and pure >= 0.5 and most**subject.batch_size < 0.05:
            yield self._found(
                evidence, f"{pure:.0%} of the {batches:,} batches have one class only"
            )

    def _numbers(self, evidence):
        y = evidence.subject.labels
        flat = np.asarray(y, np.float64).reshape(len(y), -1)
        if evidence.subject.shuffle or flat.shape[1] != 1 or len(y) < 50 or not evidence.failing:
            return
        with np.errstate(invalid="ignore", divide="ignore"):
            order = np.corrcoef(np.argsort(np.argsort(flat[:, 0])), np.arange(len(y)))[0, 1]
        if abs(order) > 0.98:
            yield self._found(
                evidence, f"labels rise with the row: correlation {order:.3f}", PROBABLE
            )

    def _found(self, evidence, why, sure=CERTAIN):
        return Finding(
            self.group,
            "rows are sorted by label and are not shuffled, so that batches pull one way each",
            "the order of rows",
            (why,),
            evidence.subject.words("--shuffle", "fit(..., shuffle=True)"),
            sure,
        )
