"""The course of a diagnosis: evidence is gathered, rules are asked, findings are ranked."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.diagnosis import rules as lab_rules
from mlp_lab.diagnosis.evidence import Evidence
from mlp_lab.diagnosis.experiment import NotTried, refuse
from mlp_lab.diagnosis.experiments import Experiments
from mlp_lab.diagnosis.finding import KINDS, NOTE, SYMPTOMS, Finding, ranked
from mlp_lab.diagnosis.forward import Forward, forward_pass
from mlp_lab.diagnosis.rule import Rule
from mlp_lab.diagnosis.subject import ROWS, Subject
from mlp_lab.diagnosis.task import task_of
from mlp_lab.engine.capture import weight_names

SECONDS = 10.0


def standard() -> list[Rule]:
    """All of the lab's rules."""
    return [getattr(lab_rules, name)() for name in lab_rules.__all__]


class Diagnosis:
    """Judges one training, at its beginning and at its end.

    Args:
      subject: the training.
      rules: what to look for.
      seconds: for experiments.
      thorough: whether to make experiments although the model does well.

    Attributes:
      evidence: what is known so far.
    """

    def __init__(
        self,
        subject: Subject,
        rules: Sequence[Rule],
        seconds: float = SECONDS,
        thorough: bool = False,
    ):
        self.evidence = Evidence(subject, thorough=thorough)
        self._rules = sorted(rules, key=lambda rule: _order(rule.group))
        self._seconds = seconds
        self._weights: list[Any] = []

    def begin(self, forward: Forward | None = None) -> list[Finding]:
        """What is wrong before training; one forward pass, unless one is given."""
        evidence, subject = self.evidence, self.evidence.subject
        try:
            if forward is None:
                refuse(subject.model)
                if subject.x is None:
                    return []  # the first step will tell
                forward = forward_pass(subject.model, subject.x, subject.y, training=True)
        except Exception as error:
            self._not_judged("the forward pass", error)
        if forward is None:
            return self._asked()
        evidence.start = forward
        if subject.x is None and forward.x is not None:
            subject.x, subject.y = forward.x, forward.y
        outputs = forward.outputs
        rows = subject.y
        if isinstance(rows, np.ndarray) and isinstance(outputs, np.ndarray):
            rows = rows[: len(outputs)]
        task, reason = task_of(subject.model, rows, outputs)
        evidence.task = task
        if task is None:
            evidence.unjudged.append(f"labels, outputs and loss: {reason}")
        looks = evidence.history.looks
        if evidence.history.steps == 0 or (looks and looks[0].step == 0):
            self._weights = _weights(subject.model, forward)
        return self._asked()

    def gather(self, batches: Sequence[tuple[Any, Any]]) -> None:
        """Takes the rows of batches that were seen as the sample, where data came so."""
        subject = self.evidence.subject
        if subject.labels is None and len(batches) > 1:
            both = tf.nest.map_structure(
                lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *batches
            )
            subject.x, subject.y = tf.nest.map_structure(lambda a: a[:ROWS], both)
            subject.batch_size = len(tf.nest.flatten(batches[0])[0])

    def end(self) -> list[Finding]:
        """What is wrong after training; experiments are made if something is suspected."""
        evidence, subject = self.evidence, self.evidence.subject
        subject.steps = evidence.history.steps or subject.steps
        try:
            refuse(subject.model)
            if subject.x is not None:
                evidence.end = forward_pass(subject.model, subject.x, subject.y, training=False)
        except Exception as error:
            self._not_judged("the trained model", error)
        if evidence.task is not None and evidence.end is not None:
            if self._weights:
                evidence.experiments = Experiments(
                    subject, evidence.task, self._weights, self._seconds
                )
            else:
                evidence.unjudged.append("experiments: the initial weights are not known")
        return self._asked()

    def _asked(self) -> list[Finding]:
        found: list[Finding] = []
        for rule in self._rules:
            explained = any(f.kind not in SYMPTOMS and f.certainty != NOTE for f in found)
            missing = [need for need in rule.needs if not self.evidence.has(need)]
            if missing or (explained and not rule.always) or (found and rule.alone):
                continue
            try:
                found += list(rule.find(self.evidence))
            except Exception as error:  # a rule may be the user's, and so may what it looks at
                self._not_judged(rule.group or type(rule).__name__, error)
        first = {(f.kind, f.where): f for f in reversed(found)}  # one cause is one finding
        return ranked(f for f in found if first[f.kind, f.where] is f)

    def _not_judged(self, what: str, error: BaseException) -> None:
        reason = str(error).strip().splitlines() or [""]
        name = "" if isinstance(error, NotTried) else f"{type(error).__name__}: "
        text = f"{what}: {name}{reason[0]}"
        if text not in self.evidence.unjudged:
            self.evidence.unjudged.append(text)


def _weights(model: keras.Model, forward: Forward) -> list[Any]:
    """The weights of a forward pass, in the model's order; none of several replicas."""
    replicas = getattr(model, "replicas", None)
    if not model.built or (replicas is not None and replicas.count > 1):
        return []
    names = weight_names(model)
    seen = forward.weights
    return [np.array(seen.get(names.get(id(w), ""), w.value.numpy())) for w in model.weights]


def _order(group: str) -> int:
    return KINDS.index(group) if group in KINDS else len(KINDS)
