"""What it costs to look at steps."""

import collections
import statistics


class Cost:
    """Measures the time spent on training and the time spent on looking.

    The cost of a look is the extra time that its step takes compared with a usual step,
    including the handover, plus the time that the probes' thread works. That thread runs in
    parallel to the training, so this is an upper bound of the real cost.
    """

    def __init__(self):
        # Medians of the latest values: a call that had to compile first does not count.
        self._steps: collections.deque[float] = collections.deque(maxlen=25)
        self._looks: collections.deque[float] = collections.deque(maxlen=25)
        self._busy: collections.deque[float] = collections.deque(maxlen=25)
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Starts the sums of an epoch."""
        self.steps = self.looks = 0
        self.seconds = 0.0

    def ran(self, steps: int, seconds: float, looked: bool) -> None:
        """Records a compiled call, with or without a look at its step."""
        self.steps += steps
        self.looks += looked
        self.seconds += seconds
        (self._looks if looked else self._steps).append(seconds / steps)

    def worked(self, seconds: float) -> None:
        """Records the time that the probes took for one look."""
        self._busy.append(seconds)

    @property
    def step(self) -> float:
        """Seconds for a step without a look; 0 if there has been no such step."""
        return statistics.median(self._steps) if self._steps else 0.0

    @property
    def look(self) -> float:
        """Cost of a look in seconds."""
        if not self._looks or not self._busy:
            return 0.0
        longer = max(statistics.median(self._looks) - self.step, 0.0)
        return longer + statistics.median(self._busy)

    @property
    def share(self) -> float:
        """The looks' share of the epoch's time, from 0 to 1; NaN if every step was looked at."""
        if not self.looks:
            return 0.0
        if not self.step:
            return float("nan")
        spent = self.looks * self.look
        return spent / (spent + self.steps * self.step)
