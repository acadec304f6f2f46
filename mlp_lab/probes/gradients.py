"""The gradients that the optimizer receives."""

import numpy as np

from mlp_lab.probes.base import Probe
from mlp_lab.probes.statistics import norm


class Gradients(Probe):
    """d loss / d weight of every weight, and Euclidean norms.

    `global_norm` = sqrt(sum of all squares); `<layer>/norm` is the same for the weights of
    one layer. With several replicas also `spread`, the noise between their shares of the batch;
    see `Step.spread`.
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
    """Groups values by weight name (`hidden_1/kernel`) into lists by layer (`hidden_1`)."""
    layers: dict[str, list[float]] = {}
    for name, value in values.items():
        layers.setdefault(name.rpartition("/")[0] or name, []).append(value)
    return layers


def total(norms):
    """The norm of a whole whose parts have these norms: sqrt(sum of squares)."""
    return float(np.sqrt(np.sum(np.square(np.asarray(list(norms), dtype=np.float64)))))
