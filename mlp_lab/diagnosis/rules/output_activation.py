"""An activation of the last layer that cannot give the labels."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf), "softmax": (0.0, 1.0)}
_FEW = 0.05


class OutputActivation(Rule):
    """Softmax on one output, sigmoid on exclusive classes, ReLU or tanh that bound outputs."""

    group = "output activation"
    needs = ("labels", "outputs")

    def find(self, evidence):
        task, head = evidence.task, evidence.start.last_activation()
        exclusive = task.form in ("classes", "one-hot") and task.units > 1
        crossentropy = task.loss in ("bce", "cce", "scce")
        if head == "softmax" and task.units == 1:
            yield self._found(
                evidence,
                "softmax over one output is 1 for every row",
                f"outputs are from {evidence.outputs.min():.6g} to {evidence.outputs.max():.6g}",
                "Dense(1, activation='sigmoid')" if task.form == "binary" else "Dense(1)",
            )
        elif head == "sigmoid" and exclusive and task.loss in ("cce", "scce"):
            if not task.from_logits:
                yield self._found(
                    evidence,
                    f"sigmoid on {task.units} outputs, of which one is right: they do not compete",
                    f"outputs of a row sum to {evidence.outputs.sum(axis=-1).mean():.3g}, not 1",
                    f"Dense({task.units}, activation='softmax')",
                    PROBABLE,
                )
        elif head in ("relu", "tanh") and crossentropy and not task.from_logits:
            yield self._found(
                evidence,
                f"{head} gives no probabilities, which the loss {task.loss_name} takes",
                f"outputs are from {evidence.outputs.min():.3g} to {evidence.outputs.max():.3g}",
                _probabilities(task),
            )
        elif head == "relu" and (crossentropy or exclusive):
            yield self._found(
                evidence,
                "ReLU cuts off negative outputs: a class that is at 0 gets no gradient",
                f"{np.mean(evidence.outputs == 0):.0%} of the outputs are 0 before training",
                f"Dense({task.units})" if task.from_logits else _probabilities(task),
                PROBABLE,
            )
        elif head == "softmax" and task.form == "several":
            yield self._found(
                evidence,
                "softmax lets one label win where rows have several",
                f"rows have {np.asarray(evidence.labels).sum(axis=-1).mean():.2f} labels each",
                f"Dense({task.units}, activation='sigmoid')",
                PROBABLE,
            )
        elif head in _RANGES and not crossentropy:
            yield from self._range(evidence, head)

    def _range(self, evidence, head):
        low, high = _RANGES[head]
        y = np.asarray(evidence.labels, np.float64)
        outside = float(np.mean((y < low - 1e-6) | (y > high + 1e-6)))
        if evidence.task.form in ("one-hot", "several", "binary") or outside <= _FEW:
            return
        yield self._found(
            evidence,
            f"{head} gives {low:g} to {high:g}, but labels are from {y.min():.4g} to {y.max():.4g}",
            f"{outside:.0%} of the labels cannot be reached",
            f"Dense({evidence.task.units})",
            alternatives=("target range: scale the labels into that range",),
        )

    def _found(self, evidence, what, why, change, sure=CERTAIN, alternatives=()):
        where = list(evidence.start.layers)[-1] if evidence.start.layers else "outputs"
        return Finding(
            self.group, what, where, (why,), change, sure, since=0, alternatives=alternatives
        )


def _probabilities(task) -> str:
    kind = "sigmoid" if task.units == 1 or task.form == "several" else "softmax"
    return f"Dense({task.units}, activation='{kind}')"
