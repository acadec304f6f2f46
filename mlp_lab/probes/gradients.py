"""The gradients that the optimizer was given."""

import numpy as np

from mlp_lab.probes.base import Probe
from mlp_lab.probes.statistics import norm


class Gradients(Probe):
    """d loss / d weight of every weight, and Euclidean norms.

    `global_norm` = sqrt(sum of all squares), `<layer>/norm` the same over the weights of
    one layer. On several replicas `spread` too, the noise among their shares of the batch; see
    `Step.spread`.
    """

    group = "gradients"

    def read(self, step):
        norms = {name: norm(g) for name, g in step.gradients.items()}
        layers = by_layer(norms)
        return {
            **step.gradients,
            **{f"{layer}/norm": total(values) for layer, values in layers.items()},
            "global_norm": total(norms.values()),
            **({} if np.isnan(step.spread) else {"spread": step.spread}),
        }


def by_layer(values):
    """Values by weight name, `hidden_1/kernel`, gathered by layer, `hidden_1`."""
    layers: dict[str, list[float]] = {}
    for name, value in values.items():
        layers.setdefault(name.rpartition("/")[0] or name, []).append(value)
    return layers


def total(norms):
    """The norm of parts with these norms taken together: sqrt(sum of squares)."""
    return float(np.sqrt(np.sum(np.square(np.asarray(list(norms), dtype=np.float64)))))
