"""The state of a model held in memory, to be put back."""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from mlp_lab.checkpoints import memory
from mlp_lab.checkpoints.plain import copied, is_plain
from mlp_lab.checkpoints.state import set_state, state_of
from mlp_lab.checkpoints.walk import Found, find


class Held:
    """What a model, or another object, holds now.

    Args:
      root: the object; everything that `find` finds in it is held.
      found: what `find(root)` returned, if it is known.

    Attributes:
      found: where what it holds is.
    """

    def __init__(self, root: Any, found: Found | None = None):
        self._root = root
        self.found = find(root) if found is None else found
        replicas = getattr(root, "replicas", None)
        # Metrics have other sums in every replica; reading them would add them up.
        left = self.found.of_metrics if replicas is not None and replicas.count > 1 else ()
        # Not copies: assigning to a variable while its value is held gives it new memory.
        self._variables = [
            (v, tf.convert_to_tensor(getattr(v, "_value", v)))
            for path, v in self.found.variables.items()
            if path not in left
        ]
        self._plain = {path: copied(p.value) for path, p in self.found.plain.items() if p.exists}
        self._random = [(g, state_of(g)) for g in self.found.generators.values()]
        self._generators = memory.generators()
        progress = getattr(root, "training_progress", None)
        self._progress = None if progress is None else (progress.steps, progress.epochs)

    def outgrown(self) -> bool:
        """Whether variables have come up since."""
        return find(self._root).variables.keys() != self.found.variables.keys()

    def put_back(self, generators: bool = True) -> None:
        """Puts everything back; what has come up since is left, but for plain values.

        Args:
          generators: whether those of Python, NumPy and Keras are put back too.
        """
        for variable, value in self._variables:
            variable.assign(value)
        for generator, state in self._random:
            set_state(generator, state)
        for path, place in find(self._root).plain.items():
            if path not in self.found.plain:
                place.remove()
        for path, value in self._plain.items():
            place = self.found.plain[path]
            # Where a layer or a variable has been made in the meantime, it stays.
            if not place.exists or is_plain(place.value) or tf.is_tensor(place.value):
                place.put(copied(value))
        if self._progress is not None:
            progress = self._root.training_progress
            progress.steps, progress.epochs = self._progress
        if generators:
            memory.set_generators(self._generators)


@contextlib.contextmanager
def held(*roots: Any, generators: bool = True) -> Iterator[None]:
    """Puts back what is done to models, metrics or other objects while it is open."""
    states = [Held(root) for root in roots]
    try:
        yield
    finally:
        for state in states:
            state.put_back(generators)
