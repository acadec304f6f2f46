"""Attacks on real processes and files, and what must hold: the promises of docs/reliability.md.

A module of this folder has the attacks of one kind. `tools/attacks.py` does all of them;
`tests/test_attacks.py` does those that are quick by default.
"""

import importlib
import pkgutil

from attacks.attack import ATTACKS, Attack, Unavailable, attack

__all__ = ["Attack", "Unavailable", "all_attacks", "attack"]

_NO_ATTACKS = ("attack", "runs", "slow_disk")


def all_attacks() -> dict[str, Attack]:
    """Every attack by its name, `module/function`."""
    for module in pkgutil.iter_modules(__path__):
        if module.name in _NO_ATTACKS:
            continue
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(ATTACKS.items()))
