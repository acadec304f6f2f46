"""Work done in parallel to the training."""

import queue
import threading
from collections.abc import Callable


class Worker:
    """Does jobs one after another on its own thread.

    Args:
      waiting: how many jobs may wait; `do` blocks while there are that many.
    """

    def __init__(self, waiting: int = 2):
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(waiting)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def __reduce__(self):
        return Worker, (self._jobs.maxsize,)  # a copy, and what is unpickled, has no jobs

    def do(self, job: Callable[[], None]) -> None:
        """Queues a job; an error in an earlier job is raised here."""
        self._raise()
        if self._thread is None:
            # A daemon: a process that ends with an error elsewhere does not wait for it.
            self._thread = threading.Thread(target=self._run, name="mlp_lab probes", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def finish(self) -> None:
        """Waits for all jobs and ends the thread; an error in a job is raised here."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        self._raise()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if self._error is None:
                    job()
            except BaseException as error:  # raised in the thread that queues jobs
                self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
