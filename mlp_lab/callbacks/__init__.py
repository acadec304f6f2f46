"""Callbacks: they write what a run leaves behind, from within Keras' training loop."""

from mlp_lab.callbacks.best_epoch import Best, BestEpoch
from mlp_lab.callbacks.checkpoints import Checkpoints, Stopped
from mlp_lab.callbacks.diagnosis import Diagnosis
from mlp_lab.callbacks.non_finite import NonFinite, NonFiniteError
from mlp_lab.callbacks.pictures import Pictures
from mlp_lab.callbacks.tensorboard import TensorBoard

__all__ = [
    "Best",
    "BestEpoch",
    "Checkpoints",
    "Diagnosis",
    "NonFinite",
    "NonFiniteError",
    "Pictures",
    "Stopped",
    "TensorBoard",
]
