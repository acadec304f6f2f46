"""The weights that a step began with."""

from mlp_lab.probes.base import Probe


class Weights(Probe):
    """Every floating-point weight, as the step's forward pass used it."""

    group = "weights"

    def read(self, step):
        return step.weights
