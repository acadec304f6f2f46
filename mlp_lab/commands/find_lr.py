"""`mlp-lab find_lr`: searches a learning rate for a run, and trains nothing."""

import dataclasses
from typing import Any, ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.quiet import quiet_import

_USAGE = """\
Searches a learning rate for the run that the same flags would train: the loss over a
rising rate, several times, and short trainings at single rates. Prints the curve and
the rate, and writes the curve for TensorBoard into a folder of its own.

  {program} find_lr --flagfile=configs/fashion_mnist.flags
  {program} train --flagfile=configs/fashion_mnist.flags --learning_rate=auto

The second trains with the rate at once. docs/search.md explains the search.
"""


@dataclasses.dataclass(frozen=True)
class FindLrOptions(Config):
    """The options of a run, whose rate is searched."""

    title: ClassVar[str] = "Of the command"

    def check_together(self) -> None:
        """Refuses what the command cannot do."""
        super().check_together()
        for name in ("resume", "overwrite", "accept_changes"):
            if getattr(self, name):
                raise InputError(
                    name, "is of the command train; find_lr writes a folder of its own"
                )
        if self.strategy not in ("none", "auto"):
            raise InputError(
                "strategy", f"find_lr searches on one device, got {self.strategy}; choose none"
            )


def _run(options: Any) -> int:
    with quiet_import():
        from mlp_lab.training.searching import search_rate
    return 0 if search_rate(options) else 1


COMMAND = Command("searches a learning rate, and trains nothing", _USAGE, FindLrOptions, _run)
