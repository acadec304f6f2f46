"""What the layers put out."""

from mlp_lab.probes.base import Probe


class Activations(Probe):
    """Outputs [batch, ...] of every layer in the step's own forward pass, dropout included."""

    group = "activations"

    def read(self, step):
        return step.activations
