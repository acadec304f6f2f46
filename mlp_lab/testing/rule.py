"""The check of a rule."""

import copy
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np

from mlp_lab.callbacks import Diagnosis
from mlp_lab.diagnosis import Finding, Rule
from mlp_lab.models import MLP
from mlp_lab.testing.failure import reason
from mlp_lab.testing.subject import Subject, precision

PARTS = ("silence", "cost")
_ROWS = 240
_SECONDS = 0.5  # without experiments


def check_rule(
    rule: Rule | Callable[[], Rule],
    faulty: Callable[[Diagnosis], Any] | None = None,
    *,
    skip: Collection[str] = (),
    seed: int = 0,
) -> list[str]:
    """Checks your own rule of a diagnosis; an error says what is wrong and what to change.

    - `group` is a string, `needs` a tuple of what there is.
    - "silence": it finds nothing in healthy trainings: of classes, of numbers, and of a model
      that reproduces its inputs.
    - `find` returns findings, which name kind, place, evidence and change.
    - It does not change the evidence, and finds the same when it is called again.
    - "cost": `find` takes less than half a second, experiments left out.

    Args:
      rule: an instance, or a class or other callable that makes one without arguments.
      faulty: called with a callback; trains a model that has the fault, with this callback in
        `fit`. The rule must find it.
      skip: names of parts to leave out, from those quoted above.
      seed: for the random numbers.

    Returns:
      Notes on what could not be checked, and why.

    Raises:
      CheckError: the rule fails; the message names the cause and the fix.

    Example:

    >>> mlp_lab.testing.check_rule(mlp_lab.diagnosis.rules.Loss)
    ['no faulty training was given: whether the rule finds one is not checked']
    """
    with precision("float32"):
        subject = Subject(rule, Rule, skip, PARTS)
        _check_attributes(subject)
        for name, train in _healthy(seed).items():
            callback = Diagnosis([subject.first], say=_silent)
            train(callback)
            found = _asked(subject, callback, name)
            if found and subject.wants("silence"):
                subject.fail(
                    f"it finds {found[0].kind!r} in a healthy training ({name})",
                    "look at `evidence.failing`, and at what a cause would bring about",
                )
        if faulty is None:
            subject.notes.append(
                "no faulty training was given: whether the rule finds one is not checked"
            )
            return subject.notes
        callback = Diagnosis([subject.first], say=_silent)
        faulty(callback)
        if not _asked(subject, callback, "the faulty one"):
            subject.fail("it does not find the fault", "compare the evidence with what it asks")
    return subject.notes


def _check_attributes(subject: Subject) -> None:
    known = {"labels", "outputs", "start", "looks", "epochs", "experiments"}
    if not isinstance(subject.first.group, str) or not subject.first.group:
        subject.fail("group is no string", "make it the kind of fault, such as 'dead units'")
    unknown = sorted(set(subject.first.needs) - known)
    if unknown:
        subject.fail(f"needs has {unknown}", f"choose from {', '.join(sorted(known))}")


def _asked(subject: Subject, callback: Diagnosis, name: str) -> list[Finding]:
    """What the rule finds in a training, called once more."""
    evidence = callback._course.evidence
    problem = [text for text in evidence.unjudged if text.startswith(subject.first.group)]
    if problem:
        subject.fail(f"find fails on {name}: {problem[0]}", "expect any model and any data")
    if not all(map(evidence.has, subject.first.needs)):
        return []
    before = copy.copy(vars(evidence.history))
    start = time.process_time()
    try:
        found = list(subject.first.find(evidence))
    except Exception as error:
        subject.fail(f"find fails on {name}: {reason(error)}", "expect any model", error)
    spent = time.process_time() - start
    if spent > _SECONDS and subject.wants("cost"):
        subject.fail(f"find takes {spent:.1f} s on {name}", "look at fewer rows")
    if vars(evidence.history) != before:
        subject.fail("find changes the evidence", "copy what you change")
    for finding in found:
        if not isinstance(finding, Finding):
            subject.fail(f"find returns {finding!r}", "return mlp_lab.diagnosis.Finding")
        missing = [n for n in ("kind", "what", "where", "change") if not getattr(finding, n)]
        if missing or not finding.evidence or not isinstance(finding.evidence, tuple):
            subject.fail(
                f"a finding lacks {', '.join(missing) or 'evidence'}",
                "name kind, what, where, evidence (a tuple of sentences) and change",
            )
    if [f.kind for f in found] != [f.kind for f in subject.first.find(evidence)]:
        subject.fail("find returns something else when called again", "keep no state in the rule")
    return found


def _healthy(seed: int) -> Mapping[str, Callable[[Diagnosis], Any]]:
    rng = np.random.default_rng(seed)
    centers = 2 * rng.normal(size=(3, 4))
    y = rng.integers(0, 3, _ROWS)
    x = (centers[y] + rng.normal(size=(_ROWS, 4))).astype("float32")
    numbers = (x @ np.array([1.0, -1, 0.5, 2]) / 3).astype("float32")

    def classes(callback):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model = MLP((8,), 3)
        model.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
        model.fit(x, y, epochs=8, verbose=0, callbacks=[callback], validation_split=0.2)

    def regression(callback):
        model = MLP((8,), 1)
        model.compile(keras.optimizers.Adam(0.03), "mse")
        model.fit(x, numbers, epochs=8, verbose=0, callbacks=[callback])

    def unlabeled(callback):
        model = MLP((8,), 4)
        model.compile("adam", "mse")
        model.fit(x, x, epochs=2, verbose=0, callbacks=[callback])

    return {"classes": classes, "numbers": regression, "inputs as labels": unlabeled}


def _silent(text: str) -> None:
    """Says nothing."""
