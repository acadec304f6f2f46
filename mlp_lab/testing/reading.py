"""Checks of a probe's `read`: right types, repeatable values, an unchanged step."""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.engine.step import Step
from mlp_lab.testing.failure import reason, unlike
from mlp_lab.testing.subject import Subject


def check_reading(subject: Subject, step: Step) -> dict[str, Any]:
    """Reads a step twice: the values agree and the step is unchanged. Returns the values."""
    probe, given = subject.first, writable(step)
    try:
        values = probe.read(given)
    except Exception as error:
        rows = len(step.outputs) if step.outputs is not None else 0
        subject.fail(
            f"read fails at step {step.number}, a batch of {rows}: {reason(error)}",
            "use only what the step has, and take sizes from its arrays: the last batch is smaller",
            error,
        )
    _check_values(subject, values)
    _check_unchanged(subject, given, step)
    kept = copy.deepcopy(dict(values))
    again = probe.read(writable(step))
    _check_values(subject, again)
    if set(again) != set(kept) or any(unlike(again[n], kept[n], 0.0) for n in kept):
        subject.fail(
            f"read gives two results for one step, {step.number}",
            "read only from the step: no random numbers, no clock, no state between steps",
        )
    return kept


def writable(step: Step) -> Step:
    """A copy of the step with writable arrays of its own."""
    fields = {field.name: getattr(step, field.name) for field in dataclasses.fields(step)}
    return Step(
        **{
            name: value
            if name == "layers"
            else tf.nest.map_structure(
                lambda a: a.copy() if isinstance(a, np.ndarray) else a, value
            )
            for name, value in fields.items()
        }
    )


def _check_values(subject, values):
    change = "return {name: number, array of numbers or string}"
    if not isinstance(values, Mapping):
        subject.fail(f"read returns a {type(values).__name__}", change)
    for name, value in values.items():
        if not isinstance(name, str):
            subject.fail(f"read returns {name!r} as a name", change)
        if isinstance(value, str):
            continue
        if tf.is_tensor(value) or isinstance(value, keras.Variable):
            subject.fail(
                f"read returns a {type(value).__name__} as {name!r}",
                "compute with NumPy: probes run outside the training graph",
            )
        array = np.asarray(value)
        # ml_dtypes' bfloat16 is a number, but its kind is V.
        if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
            subject.fail(f"read returns a {type(value).__name__} as {name!r}", change)


def _check_unchanged(subject, given, step):
    for field in dataclasses.fields(step):
        before, after = getattr(step, field.name), getattr(given, field.name)
        parts = before.items() if isinstance(before, Mapping) else [("", before)]
        if isinstance(before, Mapping) and set(before) != set(after):
            subject.fail(
                f"read changes which entries step.{field.name} has",
                "copy before changing: dict(step.weights)",
            )
        if field.name == "layers":
            continue
        for name, value in parts:
            now = after[name] if isinstance(before, Mapping) else after
            same = all(
                np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
                for a, b in zip(tf.nest.flatten(value), tf.nest.flatten(now), strict=True)
            )
            if not same:
                where = f"step.{field.name}" + (f"[{name!r}]" if name else "")
                subject.fail(
                    f"read changes {where}, which other probes read too",
                    "copy before changing, np.array(...), and avoid in-place operations (out=, +=)",
                )
