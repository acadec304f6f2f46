"""`Config`, for programs that import it from where it was in 0.1."""

from mlp_lab.options.config import Config

__all__ = ["Config"]
