"""What it costs to look."""

import collections
import statistics


class Cost:
    """Keeps account of the time spent training and of the time spent looking.

    A look costs what its step takes longer than a step usually does, handing over included,
    and the time that the probes' own thread is at work. That thread works beside the
    training, so that this is the most that a look can cost, not what it must.
    """

    def __init__(self):
        # Medians of the latest, so that a call that had to compile first does not count.
        self._steps: collections.deque[float] = collections.deque(maxlen=25)
        self._looks: collections.deque[float] = collections.deque(maxlen=25)
        self._busy: collections.deque[float] = collections.deque(maxlen=25)
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Starts the sums of an epoch."""
        self.steps = self.looks = 0
        self.seconds = 0.0

    def ran(self, steps: int, seconds: float, looked: bool) -> None:
        """Takes note of a compiled call, with or without a look at its step."""
        self.steps += steps
        self.looks += looked
        self.seconds += seconds
        (self._looks if looked else self._steps).append(seconds / steps)

    def worked(self, seconds: float) -> None:
        """Takes note of the time that the probes took for one look."""
        self._busy.append(seconds)

    @property
    def step(self) -> float:
        """Seconds of a step without a look; 0 while there has been none."""
        return statistics.median(self._steps) if self._steps else 0.0

    @property
    def look(self) -> float:
        """Seconds that a look costs."""
        if not self._looks or not self._busy:
            return 0.0
        longer = max(statistics.median(self._looks) - self.step, 0.0)
        return longer + statistics.median(self._busy)

    @property
    def share(self) -> float:
        """Looks' part of the epoch's time, from 0 to 1; NaN while every step was looked at."""
        if not self.looks:
            return 0.0
        if not self.step:
            return float("nan")
        spent = self.looks * self.look
        return spent / (spent + self.steps * self.step)
