"""Chooses the rows of a part, so that what is tested can have been learned."""

from __future__ import annotations

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tables.splitting import Split, split


def choose_rows(
    rows: int, share: float, seed: int, classes: np.ndarray | None, purpose: str
) -> Split:
    """Splits rows as `tables.split` does; rows of classes that would all be taken stay.

    Args:
      rows: how many there are.
      share: of the part that is taken, between 0 and 1.
      seed: another seed chooses other rows.
      classes: the class of each row, of which each part gets its share; None for no classes.
      purpose: "test" or "validation", the part that is taken.

    Raises:
      InputError: the share is not between 0 and 1, or leaves a part empty.
    """
    chosen = split(rows, share, seed, classes, purpose)
    train, taken = chosen.train, chosen.test
    if classes is not None:
        lost = ~np.isin(classes[taken], classes[train])
        train, taken = np.sort(np.concatenate([train, taken[lost]])), taken[~lost]
    if not len(taken):
        raise InputError(
            f"{purpose}_split",
            f"{share} of {rows:,} rows leaves none for the {purpose} part"
            + ("" if classes is None else ", as each class is learned before it is tested"),
        )
    return Split(train, taken, chosen.how)
