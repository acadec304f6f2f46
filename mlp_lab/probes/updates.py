"""The changes that the optimizer makes to the weights."""

from mlp_lab.probes.base import Probe
from mlp_lab.probes.gradients import by_layer, total
from mlp_lab.probes.statistics import norm


class Updates(Probe):
    """New minus old value of every weight that has a gradient, and its relative size.

    `<layer>/ratio` = ||update|| / ||weights|| for the weights of a layer, Euclidean norms.
    Around 1e-3 is usual; far below, the layer hardly learns; far above, it jumps. Layers
    whose weights are all zero have no ratio.
    """

    group = "updates"

    def read(self, step):
        updates = step.updates
        moved = by_layer({name: norm(u) for name, u in updates.items()})
        size = by_layer({name: norm(step.weights[name]) for name in updates})
        ratios = {
            f"{layer}/ratio": total(moved[layer]) / total(size[layer])
            for layer in moved
            if total(size[layer]) > 0
        }
        return {**updates, **ratios}
