"""What the readers of this package raise; `sources` turns it into an `InputError`."""

from __future__ import annotations

import os

from mlp_lab.errors import one_line


class DataFault(ValueError):
    """A data file or folder cannot be used.

    A reader knows the file, but not which of the user's options led to it, so it raises
    this instead of an `InputError`. The message starts with the path.

    Args:
      path: the file or folder that cannot be used.
      problem: what is wrong with it, on one line.
    """

    def __init__(self, path: str | os.PathLike[str], problem: str):
        self.path = os.fspath(path)
        self.problem = one_line(problem)
        super().__init__(one_line(f"{self.path}: {self.problem}"))


class Absent(Exception):
    """A source does not have the data set. Unlike a damaged file, this is normal.

    Args:
      reason: why, as a clause ("not in the Keras cache (/home/me/.keras/...)").
    """

    def __init__(self, reason: str):
        self.reason = one_line(reason)
        super().__init__(self.reason)
