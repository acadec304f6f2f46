"""Callbacks: the bridge from Keras' training loop to what a run writes."""

from mlp_lab.callbacks.checkpoints import Checkpoints, Stopped
from mlp_lab.callbacks.non_finite import NonFinite, NonFiniteError
from mlp_lab.callbacks.pictures import Pictures
from mlp_lab.callbacks.tensorboard import TensorBoard

__all__ = ["Checkpoints", "NonFinite", "NonFiniteError", "Pictures", "Stopped", "TensorBoard"]
