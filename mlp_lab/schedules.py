"""When to look: which steps are recorded."""

import math

# Intervals that a reader can do sums with.
_INTERVALS = [m * 10**e for e in range(7) for m in (1, 2, 5)]


class Every:
    """Every n-th step: 0, n, 2 n, ..., whatever the step a run starts or goes on with.

    Args:
      n: steps from one to the next, at least 1.

    Raises:
      ValueError: n is no whole number of at least 1.
    """

    def __init__(self, n: int):
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise ValueError(f"every: expected a whole number of steps of at least 1, got {n!r}")
        self.n = n

    def next_step(self, step: int) -> int:
        """The first step, from `step` on, that is looked at."""
        return -(-step // self.n) * self.n

    def spent(self, seconds: float, step_seconds: float) -> None:
        """Takes note of what a look cost; here it changes nothing."""


class Auto(Every):
    """As often as costs at most a share of the time.

    Starts with every 100th step and then chooses the smallest interval n out of 1, 2, 5,
    10, 20, 50, ... for which c / (n t) <= share, with c the seconds that a look costs and t
    the seconds of a step.

    Args:
      share: of the time, in (0, 1).
    """

    def __init__(self, share: float = 0.03):
        if not 0 < share < 1:
            raise ValueError(f"share: expected a number between 0 and 1, got {share!r}")
        super().__init__(100)
        self.share = share

    def spent(self, seconds: float, step_seconds: float) -> None:
        """Chooses the interval anew.

        Args:
          seconds: that a look costs.
          step_seconds: that a step takes without one.
        """
        if step_seconds > 0:
            least = seconds / (self.share * step_seconds)
            self.n = next((n for n in _INTERVALS if n >= least), _INTERVALS[-1])


class Never(Every):
    """No step at all."""

    def __init__(self) -> None:
        super().__init__(1)

    def next_step(self, step: int) -> float:  # type: ignore[override]
        """Infinity: there is none."""
        return math.inf
