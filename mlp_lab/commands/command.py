"""What a command is."""

import dataclasses
from collections.abc import Callable
from typing import Any

from mlp_lab.options.option import Options


@dataclasses.dataclass(frozen=True)
class Command:
    """One command of the command line.

    Attributes:
      summary: what it does, in a few words, for the list of commands.
      usage: what it does and some examples, for its `--help`; `{program}` stands for the
        program's name as the user typed it.
      options: what it takes, each option a flag.
      run: called with the options; returns the exit status. What it raises is turned into one
        line on standard error and an exit status by `mlp_lab.__main__`.
    """

    summary: str
    usage: str
    options: type[Options]
    run: Callable[[Any], int]
