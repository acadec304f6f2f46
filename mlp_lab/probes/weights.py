"""The weights at the start of a step."""

from mlp_lab.probes.base import Probe


class Weights(Probe):
    """Every floating-point weight, as used by the step's forward pass."""

    group = "weights"

    def read(self, step):
        return step.weights
