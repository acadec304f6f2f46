"""Losses, gradients and metrics of a batch that several devices share."""

import contextlib
from typing import TYPE_CHECKING

import tensorflow as tf

from mlp_lab.engine.keras_hooks import loss_tracker
from mlp_lab.engine.replicas import share

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object


class Sharing(_Mixin):
    """Makes sums over replicas equal to what one device computes from the same global batch.

    With n of N rows, a replica's loss counts n / N. Shares add up to 1: terms that every
    replica has in full (regularizers) count once, and means over the batch (losses, activity
    regularizers) become means over the global batch, however the rows are divided.
    """

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss of a batch, as in Keras.

        Under a `tf.distribute` strategy it is the replica's share of the global batch's loss:
        the shares add up to it. Keras divides by the number of replicas R; if you add a term
        to what this returns, divide it by R too.
        """
        loss = super().compute_loss(x, y, y_pred, sample_weight, training=training)
        part = share()
        if part is None:
            return loss
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return loss * tf.cast(part.rows * replicas / part.of, loss.dtype)

    def sum_gradients(self, gradients):
        """Under a `tf.distribute` strategy the sum over replicas; otherwise the gradients as given.

        The optimizer, which would sum them over replicas again, is told not to.

        Args:
          gradients: of `compute_loss` for each weight; None for a weight without one.
        """
        if share() is None:
            return gradients
        present = [g for g in gradients if g is not None]
        context = tf.distribute.get_replica_context()
        sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, present))
        self.__dict__["_gradients_summed"] = True
        return [None if g is None else next(sums) for g in gradients]

    def track_loss(self, loss, x):
        """Adds a batch's mean loss to the epoch's mean, weighted by the batch size.

        Without the weight, samples of a smaller last batch would count more.
        """
        rows, part = tf.shape(next(i for i in tf.nest.flatten(x) if i is not None))[0], share()
        if part is not None:
            if not part.rows:
                return
            rows, loss = part.rows, loss * (part.of / part.rows)
        tracker = loss_tracker(self)
        if tracker is not None:
            tracker.update_state(loss, sample_weight=rows)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the metrics as in Keras; a replica without a row of the batch updates none."""
        part = share()
        if part is not None and not part.rows:
            return self.get_metrics_result()
        return super().compute_metrics(x, y, y_pred, sample_weight)


def check_reductions(losses):
    """Refuses losses that are not means over the rows, as their shares would not add up.

    Raises:
      ValueError: one of the losses is of that kind.
    """
    for loss in tf.nest.flatten(losses):
        reduction = getattr(loss, "reduction", "mean")
        if reduction not in ("sum_over_batch_size", "mean"):
            raise ValueError(
                f"{type(loss).__name__}: expected the mean over a batch's samples under a strategy "
                f"of several replicas, got the reduction {reduction!r}; give "
                "reduction='sum_over_batch_size', or train on one device"
            )


@contextlib.contextmanager
def summed_once(model):
    """While it is open, the optimizer does not sum gradients that `sum_gradients` has summed.

    Keras' optimizers sum the gradients of all replicas when they apply them, after clipping
    those of each replica, by a method without a public name; tests/test_workarounds.py watches
    it. For a custom step that does not call `sum_gradients` they work as in Keras.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    name = "_all_reduce_sum_gradients"
    original = getattr(optimizer, name)

    def reduced(gradients):
        return gradients if model.__dict__["_gradients_summed"] else original(gradients)

    # Past Keras' __setattr__, which would track it.
    model.__dict__["_gradients_summed"] = False
    optimizer.__dict__[name] = reduced
    try:
        yield
    finally:
        del optimizer.__dict__[name]
