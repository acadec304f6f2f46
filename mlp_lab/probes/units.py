"""Units that have stopped learning, or nearly so."""

import numpy as np

from mlp_lab.probes.base import Probe

# Outputs within this share of the range from a bound of sigmoid or tanh are saturated.
_NEAR = 0.05
_BOUNDS = {"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_RECTIFIERS = ("relu", "relu6")


class Units(Probe):
    """The shares of dead and saturated units in each layer, and which units they are.

    A unit of a ReLU layer is dead in a batch if it outputs 0 for every sample: no gradient
    passes through it. A unit of a sigmoid or tanh layer is saturated if all of its outputs
    lie within 5 % of the range from a bound: hardly any gradient passes through it.

    Layers with other activations have no such units and are left out.
    """

    group = "units"

    def read(self, step):
        found: dict[str, float | str] = {}
        for name, outputs in step.activations.items():
            kind = _activation(step.layers.get(name))
            if kind not in (*_RECTIFIERS, *_BOUNDS) or np.ndim(outputs) < 2 or not np.size(outputs):
                continue
            values = np.asarray(outputs, dtype=np.float32).reshape(-1, outputs.shape[-1])
            if kind in _RECTIFIERS:
                what, units = "dead", ~values.any(axis=0)
            else:
                low, high = _BOUNDS[kind]
                edge = _NEAR * (high - low)
                near = (values < low + edge) | (values > high - edge)
                what, units = "saturated", near.all(axis=0)
            found[f"{name}/{what}"] = float(units.mean())
            numbers = ", ".join(map(str, np.flatnonzero(units)))
            found[f"{name}/{what}_units"] = f"{units.sum()} of {units.size}: {numbers or 'none'}"
        return found


def _activation(layer):
    """The activation's name in Keras, the same for functions and layers: "relu"."""
    own = getattr(layer, "activation", None)
    own = layer if own is None else own
    name = getattr(own, "__name__", type(own).__name__).lower()
    return {"relu": "relu", "hardsigmoid": "hard_sigmoid"}.get(name, name)
