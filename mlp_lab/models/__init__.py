"""Models: the explicit training step, the base class, the multilayer perceptron, loading."""

from mlp_lab.models.arguments import arguments_for
from mlp_lab.models.glass_box import GlassBox
from mlp_lab.models.load_model import ModelFileError, load_model
from mlp_lab.models.mlp import MLP
from mlp_lab.models.model import Model

__all__ = ["MLP", "GlassBox", "Model", "ModelFileError", "arguments_for", "load_model"]
