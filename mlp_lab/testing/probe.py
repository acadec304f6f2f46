"""The check of a probe."""

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from mlp_lab.probes import Probe
from mlp_lab.testing.failure import numbers, unlike
from mlp_lab.testing.reading import check_reading
from mlp_lab.testing.subject import Subject, precision
from mlp_lab.testing.watched import samples, watched

PARTS = ("names", "written")


def check_probe(
    probe: Probe | Callable[[], Probe],
    model: Any = None,
    inputs: Any = None,
    labels: Any = None,
    *,
    skip: Collection[str] = (),
    seed: int = 0,
) -> list[str]:
    """Checks your own probe on real steps; an error says what is wrong and what to change.

    - `read` returns a mapping from strings to numbers, arrays of numbers or strings.
    - It does not change the step, whose arrays it shares with other probes, and returns the
      same when called again.
    - It accepts a smaller last batch.
    - "names": the names are the same at every step, so that curves have no gaps.
    - "written": TensorBoard's event file holds all values, at every step.

    Args:
      probe: an instance, or a class or other callable that makes one without arguments.
      model: a compiled model with the explicit step, which is trained for an epoch of 3 or
        more steps; by default a small `MLP` with ReLU layers.
      inputs, labels: for the model; by default 20 samples of 4 numbers and 3 classes. The
        batch size is 8.
      skip: names of parts to leave out, from those quoted above.
      seed: for the random numbers.

    Returns:
      Notes on what could not be checked, and why; none so far.

    Raises:
      CheckError: the probe fails; the message names the cause and the fix.
      ValueError, TypeError: the arguments of the check itself are wrong.

    Example:

    >>> class Sparsity(mlp_lab.probes.Probe):
    ...     group = "sparsity"
    ...
    ...     def read(self, step):
    ...         return {name: np.mean(np.abs(w) < 1e-3) for name, w in step.weights.items()}
    >>> mlp_lab.testing.check_probe(Sparsity)
    []
    """
    with precision("float32"):
        subject = Subject(probe, Probe, skip, PARTS)
        _check_attributes(subject)
        if (inputs is None) != (labels is None) or (model is not None and inputs is None):
            raise ValueError("expected model, inputs and labels together, or none of them")
        if inputs is None:
            inputs, labels = samples(np.random.default_rng(seed))
        _check_steps(subject, *watched(subject, model, inputs, labels))
    return subject.notes


def _check_attributes(subject):
    probe = subject.first
    if not isinstance(probe.group, str):
        subject.fail(f"group is {probe.group!r}", "make it a string, the first part of the tags")
    if probe.every is not None and (
        not isinstance(probe.every, int) or isinstance(probe.every, bool) or probe.every < 1
    ):
        subject.fail(f"every is {probe.every!r}", "make it a number of steps, or None")


def _check_steps(subject, steps, tags):
    """All parts, in order."""
    names: dict[int, set[str]] = {}
    for step in steps:
        values = check_reading(subject, step)
        names[step.number] = set(values)
        if subject.wants("written"):
            _check_written(subject, step, values, tags)
    if subject.wants("names"):
        _check_names(subject, names)


def _check_names(subject, names):
    first, *others = sorted(names)
    for number in others:
        gone, new = names[first] - names[number], names[number] - names[first]
        if gone or new:
            subject.fail(
                f"names differ: step {first} has {sorted(gone) or 'none'} that step {number} "
                f"lacks, and lacks {sorted(new) or 'none'} that it has",
                "use names that do not depend on the step's number or values (if intended, "
                "skip=['names'])",
            )


def _check_written(subject, step, values, tags):
    group = subject.first.group
    for name, value in values.items():
        tag = f"{group}/{name}" if group else name
        if isinstance(value, str):
            found = tag in tags  # written when it changes
        else:
            found = step.number in tags.get(tag, {})
            expected = float(value) if np.ndim(value) == 0 else math.nan
            if found and np.ndim(value) == 0:
                found = not unlike(tags[tag][step.number], expected, 1e-6)
        if not found:
            subject.fail(
                f"{tag} at step {step.number} is not in the event file as {numbers(value)}",
                "return the same value whenever the step is read, under a unique name",
            )
