"""A probe of one's own, put through what a probe has to stand."""

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
    """Checks a probe of one's own on real steps; says what is wrong with it and what to change.

    - `read` returns a mapping from texts to numbers, arrays of numbers or texts.
    - It changes nothing of the step, whose arrays are the step's own, and gives the same
      when it is asked again.
    - It can read a last, smaller batch.
    - "names": the names are the same at every step, so that curves have no holes.
    - "written": all of it is found in TensorBoard's event file, at every step.

    Args:
      probe: a callable without arguments that makes one, a class too; or an instance.
      model: a compiled model with the explicit step to look at, which is trained for an
        epoch of 3 or more steps; by default a small `MLP` with ReLU layers.
      inputs, labels: for the model; by default 20 samples of 4 numbers and 3 classes. They
        are trained on in batches of 8.
      skip: names of parts to leave out, of those quoted above.
      seed: of the random numbers.

    Returns:
      Notes of what could not be checked and why; none so far.

    Raises:
      CheckError: the probe fails; the message names the cause and what to change.
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
        subject.fail(f"group is {probe.group!r}", "make it a text, the first part of the tags")
    if probe.every is not None and (
        not isinstance(probe.every, int) or isinstance(probe.every, bool) or probe.every < 1
    ):
        subject.fail(f"every is {probe.every!r}", "make it a number of steps, or None")


def _check_steps(subject, steps, tags):
    """All parts in order, on every step."""
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
                f"names differ: step {first} has {sorted(gone) or 'none'} that step {number} has "
                f"not, and lacks {sorted(new) or 'none'}",
                "use names that do not depend on the step's number or values (where it is meant, "
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
                "give the same value to everyone who reads the step, and a name of its own",
            )
