"""The commands: `mlp-lab COMMAND ...`, a file each.

A module of this folder is a command. Its `COMMAND` says what it is; it imports no TensorFlow
before it runs, so that help and mistakes are answered at once.
"""

import importlib
import pkgutil

from mlp_lab.commands.command import Command

__all__ = ["Command", "load", "names"]


def names() -> list[str]:
    """The names of all commands."""
    return [module.name for module in pkgutil.iter_modules(__path__) if module.name != "command"]


def load(name: str) -> Command:
    """The command of a name that is among `names()`."""
    return importlib.import_module(f"{__name__}.{name}").COMMAND
