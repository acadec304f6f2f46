"""The replicas of a `tf.distribute` strategy, and the communication between workers."""

import contextlib
import contextvars
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Share(NamedTuple):
    """A replica's part of a batch: its rows, and the rows of the whole batch."""

    rows: int
    of: int


# Set while a replica's step is traced; each replica is traced by its own thread.
_SHARE: contextvars.ContextVar[Share | None] = contextvars.ContextVar("share", default=None)


def share() -> Share | None:
    """The part of the batch that the step being traced gets; None if it gets all."""
    return _SHARE.get()


class Replicas:
    """The replicas among which each batch is divided, and those of this worker.

    Each of R replicas gets n // R consecutive rows of n, the first n % R of them one more. A
    worker is a process; its replicas, one for each device, have consecutive numbers, so that its
    rows are consecutive too. Worker 0 is the chief, which writes files.

    Communication between workers is collective: all must call it, in the same order. With one
    worker nothing is sent.

    Args:
      strategy: `MirroredStrategy`, `MultiWorkerMirroredStrategy`, or the default one.

    Attributes:
      count: replicas of all workers.
      first: number of this worker's first replica.
      local: number of this worker's replicas.
      worker: number of this worker.
      workers: number of workers.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self.strategy = strategy
        self.count = strategy.num_replicas_in_sync
        self.first, self.local = 0, 1
        if self.count > 1:
            numbers = tf.function(lambda: strategy.run(_own_number), autograph=False)
            found = strategy.experimental_local_results(numbers())
            self.first, self.local = int(found[0]), len(found)
        self.worker, self.workers = self.first // self.local, self.count // self.local
        self._sums: dict[str, Any] = {}  # compiled, by what they add up

    @property
    def chief(self) -> bool:
        """Whether this worker writes files."""
        return self.worker == 0

    def begin(self, rows: int, replica: int) -> int:
        """Index of a replica's first row in a batch."""
        return replica * (rows // self.count) + min(replica, rows % self.count)

    def own(self, rows: int) -> tuple[int, int]:
        """Which rows of a batch this worker needs, from and to; at least one row.

        If a batch has fewer rows than there are replicas, a replica without a row of its own is
        given one that does not count: models do not have to accept empty batches.
        """
        first = min(self.begin(rows, self.first), rows - 1)
        return first, max(self.begin(rows, self.first + self.local), first + 1)

    @contextlib.contextmanager
    def sharing(self, rows: int, data: Any):
        """In a replica: its rows of `data`, this worker's part of a batch of `rows` rows.

        While it is open, `share()` returns their number.
        """
        replica = replica_number()
        begin, end = self.begin(rows, replica), self.begin(rows, replica + 1)
        first, last = self.own(rows)
        start = min(begin, last - 1) - first
        stop = start + max(end - begin, 1)
        with tf.device("/cpu:0"):  # only these rows are sent to the replica's device
            mine = tf.nest.map_structure(lambda t: None if t is None else t[start:stop], data)
        token = _SHARE.set(Share(end - begin, rows))
        try:
            yield mine
        finally:
            _SHARE.reset(token)

    # Between workers.

    def total(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The sum over all workers of each array; shapes are the same on all."""
        if self.workers == 1:
            return list(arrays)
        sendable = [a.astype(_SENT_AS.get(a.dtype.name, a.dtype)) for a in arrays]
        specs = [tf.TensorSpec(a.shape, a.dtype) for a in sendable]
        key = str(specs)
        if key not in self._sums:
            function = tf.function(self._sum, autograph=False)
            self._sums[key] = function.get_concrete_function(specs)
        sums = self._sums[key](*map(tf.constant, sendable))
        return [s.numpy().astype(a.dtype) for s, a in zip(sums, arrays, strict=True)]

    def any(self, flag: bool) -> bool:
        """Whether it is true on any worker: so all decide alike."""
        return self.largest(int(flag)) > 0

    def largest(self, number: int) -> int:
        """The largest of all workers' numbers."""
        if self.workers == 1:
            return number
        numbers = np.zeros(self.workers, np.int64)
        numbers[self.worker] = number
        return int(self.total([numbers])[0].max())

    def from_chief(self, content: bytes | None) -> bytes | None:
        """The chief's content, on all workers; that of the others is ignored."""
        if self.workers == 1:
            return content
        given = content if self.chief else None
        # One more than its length: 0 is for None.
        size = int(self.total([np.array(0 if given is None else len(given) + 1)])[0]) - 1
        if size < 0:
            return None
        sent = np.zeros(size, np.uint8) if given is None else np.frombuffer(given, np.uint8)
        return self.total([sent])[0].tobytes()

    def gather(self, content: bytes) -> list[bytes]:
        """The contents of all workers, on all of them; their lengths may differ."""
        if self.workers == 1:
            return [content]
        sizes = np.zeros(self.workers, np.int64)
        sizes[self.worker] = len(content)
        ends = np.cumsum(self.total([sizes])[0])
        sent = np.zeros(ends[-1], np.uint8)
        sent[ends[self.worker] - len(content) : ends[self.worker]] = np.frombuffer(
            content, np.uint8
        )
        found = self.total([sent])[0]
        return [part.tobytes() for part in np.split(found, ends[:-1])]

    def each(self, variables: Sequence[Any]) -> list[Any]:
        """Wraps variables that each replica changes for itself, so that all values are visible.

        Read or assigned, such a variable has an additional first axis, of the replicas.
        """
        return list(variables) if self.count == 1 else [_Each(v, self) for v in variables]

    def _sum(self, tensors):
        def replica():
            context = tf.distribute.get_replica_context()
            one = replica_number() == self.first
            # Copied, because the reduction needs them on a device.
            mine = [tf.identity(t) if one else tf.zeros_like(t) for t in tensors]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

        sums = self.strategy.run(replica)
        return [self.strategy.experimental_local_results(s)[0] for s in sums]


# Types that collective operations cannot add, and what is sent instead.
_SENT_AS = {
    "bool": "int32",
    "uint8": "int32",
    "int8": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "bfloat16": "float32",
}


class _Each:
    """A variable's values on all replicas, [replicas, ...]."""

    def __init__(self, variable, replicas):
        self.path, self.dtype = variable.path, variable.dtype
        self.shape = (replicas.count, *variable.shape)
        self._replicas = replicas
        self._own = replicas.strategy.experimental_local_results(variable.value)

    def __array__(self, dtype=None, copy=None):
        values = np.zeros(self.shape, tf.as_dtype(self.dtype).as_numpy_dtype)
        first = self._replicas.first
        values[first : first + len(self._own)] = [own.numpy() for own in self._own]
        return self._replicas.total([values])[0]

    def assign(self, values):
        for number, own in enumerate(self._own, start=self._replicas.first):
            own.assign(values[number])


def replica_number() -> int:
    """The number of the replica whose step is running; 0 outside of a replica."""
    context = tf.distribute.get_replica_context() if tf.distribute.has_strategy() else None
    return 0 if context is None else int(tf.get_static_value(context.replica_id_in_sync_group))


def in_strategy(strategy: tf.distribute.Strategy, step: Any) -> Any:
    """The step, run by the strategy if there is one, as Keras does also with one replica."""
    with strategy.scope():
        if not tf.distribute.has_strategy():
            return step
    return lambda data: strategy.run(step, args=(data,))


def _own_number():
    return tf.constant(replica_number())
