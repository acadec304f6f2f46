"""Makes a model's weights before its first step, without running anything of the user's."""

import contextlib
from typing import Any

import keras
import tensorflow as tf

from mlp_lab.engine.keras_hooks import forward, unreduced
from mlp_lab.engine.tensors import compiled, spec_of


def build(model: keras.Model, step: str, batch: Any) -> None:
    """Traces what a step does, on a batch of this form; weights are made, nothing is run.

    Where the step is not the user's own, its forward pass is enough. Of a step that runs
    eagerly only that is tried: its Python code may not be traceable, and makes the weights when
    it runs.

    Args:
      model: not built.
      step: "train_step", "test_step" or "predict_step".
      batch: as the step gets it.
    """
    spec = spec_of(batch)
    with contextlib.ExitStack() as stack:
        if not tf.distribute.has_strategy():  # a strategy's variables are made in its scope
            stack.enter_context(model.distribute_strategy.scope())
        if getattr(type(model), step) is getattr(model, "lab_steps", {}).get(step):
            if model.run_eagerly:
                stack.enter_context(contextlib.suppress(Exception))
            x = keras.utils.unpack_x_y_sample_weight(spec)[0]
            compiled(lambda x: forward(model, x, training=False)).get_concrete_function(x)
        elif not model.run_eagerly:
            stack.enter_context(unreduced(model))
            compiled(getattr(model, step)).get_concrete_function(spec)
