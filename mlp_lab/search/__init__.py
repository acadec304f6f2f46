"""Finding a learning rate by training for a moment, and leaving no trace of it."""

from mlp_lab.search.find_lr import find_lr
from mlp_lab.search.found import FoundRate, NoLearningRate

__all__ = ["FoundRate", "NoLearningRate", "find_lr"]
