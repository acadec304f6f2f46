"""One attack: what is done to a run, and what must hold."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

ATTACKS: dict[str, "Attack"] = {}


class Unavailable(Exception):
    """This machine cannot do the attack; the message says what it lacks."""


@dataclasses.dataclass(frozen=True)
class Attack:
    """An attack, and what it proves.

    Attributes:
      name: `module/function`.
      promise: what must hold, in one sentence.
      run: does it in an empty folder; an AssertionError says what broke.
      quick: whether the default suite has it.
    """

    name: str
    promise: str
    run: Callable[[Path], None]
    quick: bool


def attack(run: Callable[[Path], None] | None = None, *, quick: bool = False):
    """Decorates a function of a folder; the first line of its docstring is the promise."""
    if run is None:
        return lambda run: attack(run, quick=quick)
    name = f"{run.__module__.rpartition('.')[2]}/{run.__name__}"
    promise = (run.__doc__ or "").strip().split("\n")[0]
    if not promise.endswith("."):
        raise ValueError(f"{name}: expected a sentence as the first line of its docstring")
    if name in ATTACKS:
        raise ValueError(f"{name}: there is already an attack of this name")
    ATTACKS[name] = Attack(name, promise, run, quick)
    return run
