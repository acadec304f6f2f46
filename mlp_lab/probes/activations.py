"""The outputs of the layers."""

from mlp_lab.probes.base import Probe


class Activations(Probe):
    """Every layer's outputs [batch, ...] in the step's forward pass, including dropout."""

    group = "activations"

    def read(self, step):
        return step.activations
