"""A bound on the memory of variables, kept before any of them is made."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

_FLOAT = 4  # bytes, if a variable's type has no size of its own


class Budget:
    """Bytes that Keras variables may take.

    Attributes:
      most: how many.
      used: those of the variables made so far, and of the one that was too large.
      exceeded: whether a variable was refused.
    """

    def __init__(self, most: int):
        self.most, self.used = most, 0

    @property
    def exceeded(self) -> bool:
        """Whether a variable was refused."""
        return self.used > self.most

    def take(self, shape: Any, dtype: Any) -> None:
        """Counts a variable; raises MemoryError if it is too large."""
        try:
            size = math.prod(int(n) for n in shape) * _itemsize(dtype)
        except (TypeError, ValueError):  # Keras will say what is wrong with it
            return
        self.used += size
        if self.exceeded:
            raise MemoryError(
                f"a variable of shape {tuple(shape)} takes {size:,} bytes, with those before it "
                f"{self.used:,}, of at most {self.most:,}"
            )


_budgets = threading.local()


class _Patch:
    """Counts variables while anybody wants it: Keras has no hook for that."""

    def __init__(self):
        self._lock, self._users = threading.Lock(), 0

    def add(self, users: int) -> None:
        """One user more, or less."""
        with self._lock:
            self._users += users
            if self._users == users == 1:
                keras.Variable.__init__ = _counted(keras.Variable.__init__)
            elif self._users == 0:
                keras.Variable.__init__ = keras.Variable.__init__.__wrapped__


_patch = _Patch()


@contextlib.contextmanager
def limited(most: int) -> Iterator[Budget]:
    """Inside its `with`, a Keras variable that exceeds `most` bytes in total is not made.

    Only variables of this thread count. Raised is a MemoryError, which Keras may wrap in others:
    `exceeded` tells.
    """
    budget = Budget(most)
    before = getattr(_budgets, "active", ())
    _budgets.active = (*before, budget)
    _patch.add(1)
    try:
        yield budget
    finally:
        _patch.add(-1)
        _budgets.active = before


def _counted(init: Any) -> Any:
    @functools.wraps(init)
    def counting(self, initializer, shape=None, dtype=None, *args, **kwargs):
        if callable(initializer) and shape is not None:
            for budget in getattr(_budgets, "active", ()):
                budget.take(shape, dtype)
        return init(self, initializer, shape, dtype, *args, **kwargs)

    return counting


def _itemsize(dtype: Any) -> int:
    try:
        return np.dtype(keras.backend.standardize_dtype(dtype)).itemsize
    except (TypeError, ValueError):
        return _FLOAT


def memory() -> int:
    """Bytes of memory that this process can have: the machine's, or fewer by a limit."""
    limits = [2**63]
    with contextlib.suppress(AttributeError, OSError, ValueError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # of a container
        with contextlib.suppress(OSError, ValueError):
            limits.append(int((Path("/sys/fs/cgroup") / name).read_text()))
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limits.append(resource.getrlimit(resource.RLIMIT_AS)[0] % 2**64)
    return min(limit for limit in limits if limit > 0)
