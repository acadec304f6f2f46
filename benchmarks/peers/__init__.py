"""The contestants of `benchmarks/speed.py` by name, without importing their libraries.

Each is a class with two methods: `prepare()` builds, compiles and trains a first epoch, which
is not counted; `epoch()` trains one more and returns (seconds, training accuracy or None).
Contestants of the same framework share a process, so that the thread pools of different
frameworks do not compete; see `worker.py`.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

HIDDEN = (256, 128, 64, 32)
SIZES = (784, *HIDDEN, 10)
BATCH = 128
LEARNING_RATE = 1e-3


@dataclasses.dataclass(frozen=True)
class Peer:
    """A contestant.

    Attributes:
      name: for `--only` and in the JSON.
      says: its name in the table.
      made_by: "module:Class" in this folder.
      options: keyword arguments of the class.
      needs: modules that it cannot run without; the first also names its process.
      steps: how many steps of an epoch are run, with the time scaled up; None for all.
    """

    name: str
    says: str
    made_by: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ("tensorflow",)
    steps: int | None = None


@dataclasses.dataclass(frozen=True)
class Task:
    """What all contestants train on.

    Attributes:
      x: uint8 [n, 28, 28].
      y: int32 [n], classes.
      x_test: as `x`, of the test set; used only for pictures.
      y_test: as `y`.
      folder: for event files.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    folder: str

    def first(self, rows: int) -> "Task":
        """The same with fewer rows."""
        return dataclasses.replace(self, x=self.x[:rows], y=self.y[:rows])

    def flat(self) -> np.ndarray:
        """Pixels as float32 [n, 784], scaled to [0, 1] beforehand."""
        return self.x.reshape(len(self.x), -1).astype(np.float32) / 255


def timed(work: Callable[[], float | None]) -> tuple[float, float | None]:
    """Seconds that `work` takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _ours(name: str, says: str, **options: Any) -> Peer:
    return Peer(name, says, "ours:Fit", options)


PEERS = [
    _ours("ours", "ours: `fit` on uint8 arrays, `jit_compile=True`", jit_compile=True),
    _ours("ours-graph", "ours, `jit_compile=False`", jit_compile=False),
    _ours("ours-probes-100", "ours, all probes every 100 steps", probes=100),
    _ours("ours-probes-10", "ours, all probes every 10 steps", probes=10),
    _ours("ours-probes-1", "ours, all probes every step", probes=1),
    _ours("ours-run", "ours, all probes every 100 steps, and pictures", probes=100, pictures=True),
    _ours("ours-guarded", "ours, with the guard of its numbers", guard=True),
    _ours("ours-tf.data", "ours, a plain `tf.data` pipeline", pipeline=True, jit_compile="auto"),
    Peer("keras", "Keras: `fit` on float32 arrays", "plain_keras:Fit"),
    Peer(
        "keras-tuned",
        "Keras, `jit_compile=True`, `steps_per_execution=32`",
        "plain_keras:Fit",
        {"jit_compile": True, "steps_per_execution": 32},
    ),
    Peer(
        "keras-tensorboard",
        "Keras, its TensorBoard: histograms once an epoch",
        "plain_keras:Fit",
        {"tensorboard": True},
    ),
    Peer(
        "keras-tf.data", "Keras, the same `tf.data` pipeline", "plain_keras:Fit", {"pipeline": True}
    ),
    Peer("loop", "the tutorial's eager loop", "tutorial_loop:Loop", steps=100),
    Peer("torch-textbook", "PyTorch, `DataLoader`", "pytorch:Textbook", needs=("torch",)),
    Peer(
        "torch-memory",
        "PyTorch, tensors in memory, fused Adam",
        "pytorch:InMemory",
        needs=("torch",),
    ),
    Peer("jax", "JAX, the epoch as one `lax.scan`", "jax_scan:Scan", needs=("jax",)),
    Peer("sklearn", "scikit-learn `MLPClassifier`", "scikit:Classifier", needs=("sklearn",)),
    Peer(
        "cockpit",
        'Cockpit (PyTorch), "economy" every 100 steps',
        "cockpit_economy:Economy",
        needs=("cockpit", "torch", "backpack"),
        steps=100,
    ),
    Peer("floor", "floor: the matrix products alone, XLA", "floor:Products"),
]
