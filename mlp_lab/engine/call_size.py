"""How many steps one compiled call runs."""

import math
from typing import Any

from mlp_lab.data.pipeline import most_rows
from mlp_lab.engine.batch_hooks import wants_every_batch

# One call computes at most this many floating-point operations, about half a second on two
# cores, so that progress bars move and Ctrl-C works; and takes a piece of at most this many bytes.
_FLOPS_PER_CALL = 5e10
_BYTES_PER_CALL = 32 * 2**20
_STEPS_PER_CALL = 512


def steps_per_call(
    model: Any, arrays: Any, batch: int, callbacks: Any, phases: tuple[str, ...], shuffle=False
) -> int:
    """As many as make up about half a second of work; 1 if a callback needs every batch.

    Args:
      model: a built model; with `run_eagerly` it is 1.
      arrays: the data.
      batch: rows of a batch.
      callbacks: as `fit` takes them.
      phases: of "train", "test" and "predict", those that are to be run.
      shuffle: whether rows are taken in another order than theirs.
    """
    if model.run_eagerly or wants_every_batch(callbacks, *phases):
        return 1
    most, run = most_rows(arrays, batch, shuffle, _BYTES_PER_CALL)
    # Each weight takes part in three multiplications and additions per sample: forward, for its
    # gradient, and for the gradient of its inputs.
    flops = 6 * sum(math.prod(w.shape) for w in model.trainable_weights) * batch
    limit = min(_STEPS_PER_CALL, most // batch, int(_FLOPS_PER_CALL / max(flops, 1)))
    whole = run // batch
    if limit >= whole:
        return whole or 1
    limit = max(limit, 1)
    # Pieces of equal length need one program; a shorter last one would need another.
    divisors = [k for k in range(limit, limit // 2, -1) if whole % k == 0]
    return divisors[0] if divisors else limit
