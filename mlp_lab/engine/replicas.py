"""The replicas of a `tf.distribute` strategy: who they are, and what they tell each other."""

import contextlib
import contextvars
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Share(NamedTuple):
    """A replica's part of a batch: so many rows, of so many on all replicas."""

    rows: int
    of: int


# Set where a replica's step is traced; replicas are traced by threads of their own.
_SHARE: contextvars.ContextVar[Share | None] = contextvars.ContextVar("share", default=None)


def share() -> Share | None:
    """The part of the batch that the step being traced gets; None where it gets all."""
    return _SHARE.get()


class Replicas:
    """The replicas among which each batch is divided, and those of this worker.

    Of n rows each of R replicas gets n // R in one run, the first n % R one more. A worker is
    a process; its replicas, one for each device, follow one another, so that it too has its
    rows in one run. Worker 0 is the chief, who writes.

    What workers tell each other is a collective operation: all have to call it, and in the
    same order. With one worker nothing is sent.

    Args:
      strategy: `MirroredStrategy`, `MultiWorkerMirroredStrategy`, or the default one.

    Attributes:
      count: replicas of all workers.
      first: number of this worker's first one.
      local: how many it has.
      worker: its number.
      workers: how many there are.
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
        """Whether this worker is the one that writes."""
        return self.worker == 0

    def begin(self, rows: int, replica: int) -> int:
        """Where a replica's rows of a batch begin."""
        return replica * (rows // self.count) + min(replica, rows % self.count)

    def own(self, rows: int) -> tuple[int, int]:
        """Which rows of a batch this worker needs, from and to; at least one of them.

        A replica without a row, in a batch that is smaller than the replicas are many, is
        given one that counts nothing: models need not bear batches of no rows.
        """
        first = min(self.begin(rows, self.first), rows - 1)
        return first, max(self.begin(rows, self.first + self.local), first + 1)

    @contextlib.contextmanager
    def sharing(self, rows: int, data: Any):
        """In a replica: its rows of `data`, this worker's part of a batch of `rows` rows.

        While it is open, `share()` tells of them.
        """
        replica = replica_number()
        begin, end = self.begin(rows, replica), self.begin(rows, replica + 1)
        first, last = self.own(rows)
        start = min(begin, last - 1) - first
        stop = start + max(end - begin, 1)
        with tf.device("/cpu:0"):  # only these rows are to go to the replica's device
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
        """Whether it is true on any worker: so all do the same at the same time."""
        return self.largest(int(flag)) > 0

    def largest(self, number: int) -> int:
        """The largest of all workers' numbers."""
        if self.workers == 1:
            return number
        numbers = np.zeros(self.workers, np.int64)
        numbers[self.worker] = number
        return int(self.total([numbers])[0].max())

    def from_chief(self, content: bytes | None) -> bytes | None:
        """What the chief gives, on all workers; what others give is not looked at."""
        if self.workers == 1:
            return content
        given = content if self.chief else None
        # One more than its length: 0 is for None.
        size = int(self.total([np.array(0 if given is None else len(given) + 1)])[0]) - 1
        if size < 0:
            return None
        sent = np.zeros(size, np.uint8) if given is None else np.frombuffer(given, np.uint8)
        return self.total([sent])[0].tobytes()

    def each(self, variables: Sequence[Any]) -> list[Any]:
        """Variables that replicas change each for itself, such that all values are seen.

        Read and assigned, one has a first axis more, of the replicas.
        """
        return list(variables) if self.count == 1 else [_Each(v, self) for v in variables]

    def _sum(self, tensors):
        def replica():
            context = tf.distribute.get_replica_context()
            one = replica_number() == self.first
            # Copied, so that they are on a device, as the reduction wants it.
            mine = [tf.identity(t) if one else tf.zeros_like(t) for t in tensors]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

        sums = self.strategy.run(replica)
        return [self.strategy.experimental_local_results(s)[0] for s in sums]


# What collective operations cannot add, as what they can.
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
    """In a replica's step: its number; 0 without a strategy."""
    if not tf.distribute.has_strategy():
        return 0
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return int(tf.get_static_value(number))


def _own_number():
    return tf.constant(replica_number())
