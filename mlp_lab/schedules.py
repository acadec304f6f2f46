"""Which steps are recorded."""

import math

# Round intervals, easy for a reader to calculate with.
_INTERVALS = [m * 10**e for e in range(7) for m in (1, 2, 5)]


class Every:
    """Every n-th step: 0, n, 2 n, ..., whichever step a run starts or resumes at.

    Args:
      n: the interval in steps, at least 1.

    Raises:
      ValueError: n is not a whole number of at least 1.
    """

    def __init__(self, n: int):
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise ValueError(f"every: expected a whole number of steps of at least 1, got {n!r}")
        self.n = n

    def next_step(self, step: int) -> int:
        """The first recorded step that is not before `step`."""
        return -(-step // self.n) * self.n

    def spent(self, seconds: float, step_seconds: float) -> None:
        """Receives the cost of a recording; does nothing here."""


class Auto(Every):
    """As often as possible within a share of the training time.

    Starts with every 100th step and then chooses the smallest interval n from 1, 2, 5,
    10, 20, 50, ... for which c / (n t) <= share, where recording a step costs c seconds
    and a step takes t seconds.

    Args:
      share: of the training time, in (0, 1).
    """

    def __init__(self, share: float = 0.03):
        if not 0 < share < 1:
            raise ValueError(f"share: expected a number between 0 and 1, got {share!r}")
        super().__init__(100)
        self.share = share

    def spent(self, seconds: float, step_seconds: float) -> None:
        """Updates the interval.

        Args:
          seconds: the cost of recording a step.
          step_seconds: the duration of a step without recording.
        """
        if step_seconds > 0:
            least = seconds / (self.share * step_seconds)
            self.n = next((n for n in _INTERVALS if n >= least), _INTERVALS[-1])


class Never(Every):
    """No steps."""

    def __init__(self) -> None:
        super().__init__(1)

    def next_step(self, step: int) -> float:  # type: ignore[override]
        """Infinity: there is no such step."""
        return math.inf
