"""What the readers of this room raise; `sources` turns it into a user's `InputError`."""

from __future__ import annotations

import os

from mlp_lab.errors import one_line


class DataFault(ValueError):
    """A data file or folder cannot be used.

    A reader knows the file but not which option of the user's led to it, so it
    raises this; the message starts with the path.

    Args:
      path: the file or folder at fault.
      problem: what is wrong with it, on one line.
    """

    def __init__(self, path: str | os.PathLike[str], problem: str):
        self.path = os.fspath(path)
        self.problem = one_line(problem)
        super().__init__(one_line(f"{self.path}: {self.problem}"))


class Absent(Exception):
    """A source has nothing to offer: normal, unlike a damaged file.

    Args:
      reason: why, as a clause ("not in the Keras cache (/home/me/.keras/...)").
    """

    def __init__(self, reason: str):
        self.reason = one_line(reason)
        super().__init__(self.reason)
