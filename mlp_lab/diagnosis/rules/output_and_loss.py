"""Outputs and a loss that do not fit each other."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, Finding
from mlp_lab.diagnosis.rule import Rule


class OutputAndLoss(Rule):
    """Probabilities where logits are expected, logits for probabilities, shapes that broadcast."""

    group = "output and loss"
    needs = ("labels", "outputs")

    def find(self, evidence):
        task, outputs = evidence.task, np.asarray(evidence.outputs, np.float64)
        head, y = evidence.start.last_activation(), np.asarray(evidence.labels)
        low, high = float(outputs.min()), float(outputs.max())
        flags = evidence.subject.words
        if task.loss in ("bce", "cce", "scce"):
            if task.from_logits and head in ("softmax", "sigmoid"):
                yield self._found(
                    f"the loss takes logits, but {head} has made probabilities of them",
                    f"outputs are from {low:.3g} to {high:.3g}; {head} is applied twice",
                    flags("--nofrom_logits", f"{task.loss_name}(from_logits=False)"),
                )
            elif not task.from_logits and head == "linear" and (low < 0 or high > 1):
                kind = "sigmoid" if task.units == 1 or task.form == "several" else "softmax"
                yield self._found(
                    "the loss takes probabilities, but the outputs have no activation",
                    f"outputs are from {low:.3g} to {high:.3g}; the loss cuts them to 0 ... 1",
                    flags("--from_logits", f"{task.loss_name}(from_logits=True)"),
                    (f"output activation: Dense({task.units}, activation='{kind}')",),
                )
        elif task.loss in ("mse", "mae", "numbers") and task.units > 1 and outputs.ndim == 2:
            columns = y.shape[1] if y.ndim == 2 else 1
            if columns == 1:
                yield self._found(
                    f"each label is compared with all {task.units} outputs of its row",
                    f"labels have shape {y.shape[1:]}, outputs {outputs.shape[1:]}",
                    f"Dense(1), or keras.utils.to_categorical(y, {task.units})",
                    ("loss: SparseCategoricalCrossentropy, if labels are classes",),
                )

    def _found(self, what, why, change, alternatives=()):
        return Finding(
            self.group, what, "outputs and loss", (why,), change, CERTAIN, 0, alternatives
        )
