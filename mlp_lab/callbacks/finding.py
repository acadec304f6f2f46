"""The first tensor of a step that is not finite."""

import dataclasses

import numpy as np
import tensorflow as tf

from mlp_lab.engine.step import Step


@dataclasses.dataclass(frozen=True)
class Finding:
    """A tensor that is not finite."""

    kind: str
    name: str
    nan: int
    inf: int
    size: int


def first_non_finite(step: Step, skipped: bool = False) -> Finding | None:
    """The first tensor of a step that is not finite, in the order of computation.

    The order is: weights, the batch, activations from the inputs to the outputs, the loss,
    gradients from the outputs back to the inputs, and the new weights.

    Args:
      step: the step.
      skipped: whether the optimizer skips steps whose gradients are not finite, as one that
        scales the loss does until it has found its scale. Such gradients are not reported.
    """
    parts = tf.nest.flatten(step.data, expand_composites=True)  # of sparse and ragged tensors
    batch = {f"part {i}": a for i, a in enumerate(parts) if a is not None}
    gradients = {} if skipped else step.gradients
    groups = {
        "weight": step.weights,
        "batch": batch,
        "activation": step.activations,
        "loss": {"": step.loss} if step.has_loss else {},
        "gradient": {name: gradients[name] for name in reversed(list(gradients))},
        "new weight": step.new_weights,
    }
    for kind, tensors in groups.items():
        for name, tensor in tensors.items():
            array = np.asarray(tensor)
            if array.dtype.kind not in "fV":  # bfloat16 is V
                continue
            array = array.astype("float32", copy=False)
            if not np.isfinite(array).all():
                nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
                return Finding(kind, name, nan, inf, array.size)
    return None
