"""Labels from which nothing can be learned, or that the loss cannot take."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_RARE = 0.03


class LabelsDegenerate(Rule):
    """Labels that are all equal, not finite, out of range, or nearly of one class only."""

    group = "labels degenerate"
    needs = ("labels",)

    def find(self, evidence):
        y, task = np.asarray(evidence.labels), evidence.task
        flat = y.reshape(len(y), -1)
        if flat.dtype.kind == "f" and not np.isfinite(flat).all():
            bad = int((~np.isfinite(flat)).any(axis=1).sum())
            yield self._found(
                evidence, f"{bad:,} labels are NaN or infinite", f"of {len(y):,} rows"
            )
        elif len(y) > 1 and (flat == flat[0]).all():
            yield self._found(
                evidence, f"all labels are equal ({_short(flat[0])})", f"{len(y):,} sampled rows"
            )
        elif task.form == "classes" and task.loss == "scce":
            low, high = int(flat.min()), int(flat.max())
            if low < 0 or high >= task.units:
                yield self._found(
                    evidence,
                    f"labels are from {low} to {high}, but {task.units} outputs mean 0 to "
                    f"{task.units - 1}",
                    f"{int(((flat < 0) | (flat >= task.units)).sum()):,} labels are outside",
                    f"Dense({high + 1})" if low >= 0 and high > task.units else "y = y - y.min()",
                )
        if evidence.failing:
            yield from self._rare(evidence)

    def _rare(self, evidence):
        classes, final = evidence.task.classes(evidence.labels), evidence.experiments.final
        if classes is None or final > 0.02 or len(classes) < 100:
            return
        share = np.bincount(classes - classes.min()).max() / len(classes)
        if 1 - share <= _RARE:
            yield Finding(
                self.group,
                f"{share:.1%} of the labels are of one class, and the model predicts only that",
                "labels",
                (f"skill {final:.2f}, where 0 is always the most frequent class",),
                "fit(..., class_weight={0: 1, 1: 20})",
                PROBABLE,
                alternatives=("too few samples of the rare classes",),
            )

    def _found(self, evidence, what, why, change="check how y is read"):
        return Finding(self.group, what, "labels", (why,), change, CERTAIN)


def _short(row: np.ndarray) -> str:
    return np.array2string(row, precision=4, threshold=4)
