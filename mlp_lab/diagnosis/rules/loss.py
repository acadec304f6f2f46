"""A loss that does not measure what is wanted."""

import keras
import numpy as np

from mlp_lab.diagnosis.experiment import experiment
from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_PAIRS = 8


class Loss(Rule):
    """Losses of regression for classes, of the wrong sign, over wrong pairs, always 0."""

    group = "loss"
    needs = ("labels", "outputs")

    def find(self, evidence):
        task, y = evidence.task, np.asarray(evidence.labels)
        head = evidence.start.last_activation()
        values = np.unique(y) if y.size < 100_000 else np.unique(y[:1000])
        if task.loss == "cce" and task.units == 1:
            yield self._found(
                "categorical cross-entropy of one output is 0 whatever it is",
                "a single probability, divided by its sum, is 1",
                "loss='binary_crossentropy'",
            )
        elif task.loss == "bce" and (values.min() < 0 or values.max() > 1):
            k = len(values)
            many = f"Dense({k}, activation='softmax'), loss='sparse_categorical_crossentropy'"
            yield self._found(
                f"binary cross-entropy takes labels from 0 to 1, these are from {values.min():.4g} "
                f"to {values.max():.4g}",
                f"{np.mean((y < 0) | (y > 1)):.0%} of the labels are outside",
                many if k < 100 and (values == np.round(values)).all() else "loss='mse'",
                alternatives=("target range", "output activation"),
            )
        elif task.loss == "bce" and task.form == "one-hot" and head == "softmax" and task.units > 2:
            yield self._found(
                f"binary cross-entropy takes {task.units} exclusive classes for independent labels",
                "labels are one-hot, outputs softmax; accuracy counts single outputs",
                "loss='categorical_crossentropy'",
                PROBABLE,
            )
        elif _indices(task, y, values):
            yield self._found(
                f"{task.loss_name} takes class numbers for quantities: class 2 would lie between "
                "1 and 3",
                f"{len(values)} whole numbers as labels, one output, and a metric of classes",
                f"Dense({int(values.max()) + 1}, activation='softmax'), "
                "loss='sparse_categorical_crossentropy'",
                PROBABLE,
                ("labels that are quantities, and a metric that does not fit",),
            )
        else:
            yield from self._behavior(evidence)
        if evidence.failing:
            yield from self._tried(evidence, head)

    def _behavior(self, evidence):
        """What the loss does with few rows, whatever it is called."""
        model, task = evidence.subject.model, evidence.task
        loss = model.loss if isinstance(model.loss, keras.losses.Loss) else None
        outputs = np.asarray(evidence.start.outputs, np.float32)
        y = np.asarray(evidence.start.y)
        if loss is None or len(y) < 3:
            return
        try:
            with experiment(model):
                found = []
                if task.units == 1 and outputs.ndim == 2:
                    found = list(self._pairs(loss, y[:_PAIRS], outputs[:_PAIRS]))
                    yield from found
                if not found and task.loss == "other" and task.targets(y).shape == outputs.shape:
                    yield from self._sign(loss, y, outputs, task.targets(y))
        except Exception as error:  # of the user's loss
            evidence.unjudged.append(f"the loss by its values ({type(error).__name__})")

    def _pairs(self, loss, y, outputs):
        apart = outputs + 0.1 * np.arange(len(outputs), dtype=np.float32)[:, None]
        whole = float(np.mean(loss(y, apart)))
        single = np.mean([np.mean(loss(y[i : i + 1], apart[i : i + 1])) for i in range(len(y))])
        others = [
            np.mean(loss(y[i : i + 1], apart[j : j + 1]))
            for i in range(len(y))
            for j in range(len(y))
        ]
        if abs(whole - single) > 1e-3 * abs(single) and np.isclose(whole, np.mean(others), 1e-4):
            yield self._found(
                "the loss compares every label with every output, not with that of its row",
                f"of {len(y)} rows it is {whole:.5g}; their mean is {single:.5g}, that of all "
                f"pairs {np.mean(others):.5g}",
                "y_true = keras.ops.reshape(y_true, keras.ops.shape(y_pred))",
            )

    def _sign(self, loss, y, outputs, targets):
        shares = (0.0, 0.25, 0.5, 1.0)
        values = [
            float(np.mean(loss(y, (outputs + s * (targets - outputs)).astype(np.float32))))
            for s in shares
        ]
        if np.isfinite(values).all() and (np.diff(values) > 0).all():
            yield self._found(
                "the loss rises as outputs come closer to the labels: its sign is wrong",
                f"{values[0]:.4g} for the outputs, {values[-1]:.4g} for the labels themselves",
                "return -loss",
            )

    def _tried(self, evidence, head):
        task, names = evidence.task, {"softmax": "categorical_crossentropy"}
        names["sigmoid"] = "binary_crossentropy"
        fits = head == "softmax" and task.form == "one-hot"
        fits = fits or (head == "sigmoid" and task.form in ("binary", "several"))
        if task.loss not in ("mse", "mae", "numbers") or not fits:
            return
        name = names[head]
        found = evidence.experiments.losing(name, keras.losses.get(name))
        if found is not None:
            yield self._found(
                f"{task.loss_name} of probabilities has hardly a gradient where they are wrong",
                evidence.experiments.told(f"the loss {name}", found),
                evidence.subject.words(f"--loss={name}", f"loss='{name}'"),
            )

    def _found(self, what, why, change, sure=CERTAIN, alternatives=()):
        return Finding(self.group, what, "loss", (why,), change, sure, 0, alternatives)


def _indices(task, y, values) -> bool:
    """Whether labels are class numbers that a loss of quantities is given."""
    whole = bool((values == np.round(values)).all()) and values.min() >= 0
    few = 3 <= len(values) <= 50 and values.max() < 2 * len(values) and len(y) >= 3 * len(values)
    one = task.units == 1 and y.size == len(y)
    return task.loss in ("mse", "mae", "numbers") and one and whole and few and task.accuracy
