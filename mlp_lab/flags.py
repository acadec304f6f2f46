"""Reading flags, for programs that import it from where it was in 0.1."""

from mlp_lab.options.flags import parse, to_text

__all__ = ["parse", "to_text"]
