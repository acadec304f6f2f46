"""The one error that a user's input may cause, and the hint for a misspelled name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def one_line(text: str) -> str:
    """The text on one line, with what cannot be printed, such as terminals' codes, escaped."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class InputError(ValueError):
    """Something the user asked for cannot be done; the message says what to change.

    The entry point prints it as one line and exits with status 2; as a library
    exception it is a `ValueError`.

    Args:
      option: name of the option at fault, as the user types it after `--`
        (`"data_dir"`, `"loss"`), which is also its name in `Config`; empty when no
        option is at fault.
      problem: what came, what is allowed and what to do, on one line.
    """

    def __init__(self, option: str, problem: str):
        self.option = option
        self.problem = one_line(problem)
        super().__init__(one_line(f"--{option}: {self.problem}") if option else self.problem)


def near_miss(name: str, names: Iterable[str]) -> str:
    """Says which of `names` was probably meant, ready to append to a message.

    Case and the choice between `-` and `_` do not count as differences.

    Args:
      name: what the user typed.
      names: what is allowed.

    Returns:
      `" (did you mean 'mnist'?)"`, or `""` when nothing is close.
    """
    plain = {known.lower().replace("-", "_"): known for known in names}
    name = name.lower().replace("-", "_")
    close = difflib.get_close_matches(name, plain, n=3)
    if not close:
        return ""
    # Two letters swapped is the likeliest slip: "adma" is adam rather than adamax.
    best = next((known for known in close if sorted(known) == sorted(name)), close[0])
    return f" (did you mean '{plain[best]}'?)"


class RunError(Exception):
    """A run that could not go on, for a reason outside of it: the disk, a checkpoint."""


class WorkerLost(RunError):
    """A run on several workers that could not go on because another worker has ended."""


class Interrupted(Exception):
    """A run that a signal ended, after it had saved its state.

    Attributes:
      signum: the signal's number.
    """

    def __init__(self, signum: int, message: str):
        super().__init__(message)
        self.signum = signum
