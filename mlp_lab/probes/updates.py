"""What the optimizer did to the weights."""

from mlp_lab.probes.base import Probe
from mlp_lab.probes.gradients import by_layer, total
from mlp_lab.probes.statistics import norm


class Updates(Probe):
    """New minus old of every weight that has a gradient, and its size beside the weight.

    `<layer>/ratio` = ||update|| / ||weights|| over the weights of a layer, Euclidean norms.
    Around 1e-3 is usual; far below, a layer hardly learns, far above, it jumps. No ratio is
    given for a layer whose weights are all zero.
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
