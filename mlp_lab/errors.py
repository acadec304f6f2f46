"""Errors for a user's input and for runs that end early, and hints for misspelled names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def one_line(text: str) -> str:
    """The text on one line, with unprintable characters (terminal codes, say) escaped."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class InputError(ValueError):
    """The user's input is invalid; the message says what to change.

    The command line prints it as one line and exits with status 2; in Python it is a
    `ValueError`.

    Args:
      option: name of the invalid option, as the user types it after `--`
        (`"data_dir"`, `"loss"`), which is also its name in `Config`; empty if no
        option is to blame.
      problem: what came, what is allowed and what to do, on one line.
      place: file and line that the option comes from, `"my.flags:3"`; empty if none.
    """

    def __init__(self, option: str, problem: str, place: str = ""):
        self.option = option
        self.problem = one_line(problem)
        text = f"--{option}: {self.problem}" if option else self.problem
        super().__init__(one_line(f"{place}: {text}" if place else text))


def near_miss(name: str, names: Iterable[str]) -> str:
    """Suggests the name that was probably meant, ready to append to a message.

    Ignores case and the difference between `-` and `_`.

    Args:
      name: what the user typed.
      names: the valid names.

    Returns:
      `" (did you mean 'mnist'?)"`, or `""` if no name is close.
    """
    plain = {known.lower().replace("-", "_"): known for known in names}
    name = name.lower().replace("-", "_")
    close = difflib.get_close_matches(name, plain, n=3)
    if not close:
        return ""
    # Swapped letters are the most likely typo: "adma" means adam, not adamax.
    best = next((known for known in close if sorted(known) == sorted(name)), close[0])
    return f" (did you mean '{plain[best]}'?)"


class RunError(Exception):
    """A run cannot continue for an external reason, such as a full disk or a bad checkpoint."""


class WorkerLost(RunError):
    """A run on several workers cannot continue because another worker has ended."""


class Interrupted(Exception):
    """A signal ended the run, after its state was saved.

    Attributes:
      signum: the signal's number.
    """

    def __init__(self, signum: int, message: str):
        super().__init__(message)
        self.signum = signum
