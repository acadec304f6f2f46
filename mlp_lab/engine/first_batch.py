"""Makes a model's variables before its first step, so that callbacks can restore them."""

import contextlib
from typing import TYPE_CHECKING

import tensorflow as tf

from mlp_lab.checkpoints.held import held
from mlp_lab.data.fingerprint import fingerprint, leaves_known
from mlp_lab.engine.building import build
from mlp_lab.engine.inputs import listed
from mlp_lab.engine.keras_hooks import batches_of, optimizers_of, unreduced
from mlp_lab.engine.tensors import spec_of

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object

# Operations of `tf.random` that keep their state where nobody can read it.
_RANDOM = {
    *("RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal"),
    *("ParameterizedTruncatedNormal", "RandomShuffle", "Multinomial"),
    *("RandomGamma", "RandomPoissonV2", "StatefulRandomBinomial"),
}


class FirstBatch(_Mixin):
    """Traces the real step on the form of the first batch, and then calls `before_fit`.

    For data other than arrays it waits until Keras has made its data set of them, whose form is
    known whatever they are, and which has kept the batches that it looked at.
    """

    # What of `tf.random` the step uses; known once it has been traced.
    random_operations: tuple[str, ...] = ()

    def _tell_callbacks(self, callbacks, arrays, batch_size, given):
        """Lets callbacks restore the model before `fit` looks at it.

        `arrays` is None if Keras draws the data; `given` is what `fit` was given.
        """
        preparing = [c for c in listed(callbacks) if hasattr(c, "before_fit")]
        # Other steps are traced before they run.
        eager = self.run_eagerly and any(hasattr(c, "needs_variables") for c in listed(callbacks))
        self.__dict__["_untold"] = None
        if not self.compiled or not (preparing or eager):
            return
        told = preparing, listed(callbacks), given
        if arrays is None:
            self.__dict__["_untold"] = told
            return
        batch = min(batch_size or 32, len(tf.nest.flatten(arrays)[0]))
        if self.replicas.count > 1:
            self._build_on(arrays, 1, "train_step")
        spec = tf.nest.map_structure(
            lambda a: tf.TensorSpec([batch, *a.shape[1:]], a.dtype), arrays
        )
        self._tell(told, spec, batch)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Called by Keras' `fit` when it has made its data set, before callbacks start."""
        told = self.__dict__.pop("_untold", None)
        if told is not None and iterator is not None:
            self.__dict__["_fit"].data = iterator
            self._tell(told, batches_of(iterator), None)
        super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)

    def _tell(self, told, spec, piece_batch):
        self.__dict__["_first_spec"] = spec
        self._make_variables(spec, piece_batch)
        preparing, callbacks, given = told
        # A function, which is not part of the model's state as the data themselves would be.
        self.__dict__["_given_data"] = lambda: tf.nest.flatten(given)
        try:
            for callback in preparing:
                callback.before_fit(self, callbacks)
        finally:
            del self.__dict__["_given_data"]

    def data_fingerprint(self) -> str | None:
        """A checksum of the data of the `fit` that begins, for callbacks in `before_fit`.

        None if they are not arrays, which are the only data that can be read without using them
        up.
        """
        parts = self.__dict__["_given_data"]()
        return fingerprint(*parts) if leaves_known(parts) else None

    def _make_variables(self, spec, piece_batch):
        """Makes the variables of the model, its optimizers and its metrics; runs nothing."""
        if self.replicas.count > 1:
            self._build_symbolically(spec)
        elif not self.run_eagerly:
            traced = self._execution("train_step", piece_batch, False).trace(spec)
            self.random_operations = tuple(sorted(_operations(traced) & _RANDOM))
        else:
            # A step that was written to run eagerly may not be traceable, and changes its plain
            # values when it is traced.
            with held(self, generators=False), contextlib.suppress(Exception):
                self._draft(spec)
                return
            with held(self, generators=False), contextlib.suppress(Exception):
                self._build_symbolically(spec)

    def _draft(self, spec):
        """Runs the step's code in a graph that is thrown away.

        Not in a `tf.function`: if the code fails, the variables made so far would stay without a
        value.
        """
        with tf.__internal__.FuncGraph("first_batch").as_default(), unreduced(self):
            self.train_step(tf.nest.map_structure(_placeholder, spec))

    def make_missing_variables(self) -> None:
        """Makes what only a step that runs makes, by running one on zeros; its state is lost.

        For callbacks that restore all of it in `before_fit`.
        """
        with contextlib.suppress(Exception):
            self.train_step(tf.nest.map_structure(_zeros, self.__dict__["_first_spec"]))

    def _build_symbolically(self, spec):
        # Keras builds so if a distribution strategy is in use; tests/test_workarounds.py
        # watches it.
        with self._scope():
            self._symbolic_build(data_batch=spec)

    def _build_all(self, arrays):
        """Makes the variables under a strategy of several replicas."""
        self._build_on(arrays, 1, "train_step")
        self._build_symbolically(tf.nest.map_structure(lambda a: a[:1], arrays))

    def _build_on(self, arrays, batch, step):
        """Makes the weights as Keras does: by tracing what runs, which runs nothing."""
        slots = step == "train_step" and self._slots_missing()
        if self.built and not slots:
            return
        few = tf.nest.map_structure(lambda a: tf.convert_to_tensor(a[:batch]), arrays)
        with self._scope(), self._feeding(self._piece_batch, 1, False):
            if not self.built:
                build(self, step, few)
            if slots:
                self._execution(step, batch, False).trace(spec_of(few))

    def _slots_missing(self) -> bool:
        """Whether the step will make variables of optimizers that `compile` does not know."""
        if self.replicas.count > 1 or self.run_eagerly:
            return False
        return any(not o.built for o in optimizers_of(self) if o is not self.optimizer)


def _operations(traced) -> set[str]:
    """The names of all operations of a traced function and of the functions that it calls."""
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    return {node.op for node in nodes}


def _placeholder(spec):
    if not isinstance(spec, tf.TensorSpec):
        return None
    return tf.compat.v1.placeholder(spec.dtype, spec.shape)


def _zeros(spec):
    if not isinstance(spec, tf.TensorSpec):
        return None
    return tf.zeros([size or 1 for size in spec.shape], spec.dtype)
