"""Many fits, and many steps, in one process: what stays in memory, beside plain Keras."""

import functools
import sys
from pathlib import Path

from attacks.attack import Unavailable, attack

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import memory

FITS, STEPS = 40, 20_000
# Objects of Python that a fit may leave; a graph of a small step alone has 1,000.
OBJECTS = 60
# TensorFlow keeps some memory for every function that it compiles.
BYTES_OF_A_NEW_MODEL, BYTES_OF_A_FIT, BYTES_OF_A_STEP = 1_500_000, 100_000, 100


@functools.cache
def measured(name):
    """What a row of tools/memory.py adds with every fit or step."""
    if not sys.platform.startswith("linux"):
        raise Unavailable("there is no /proc to read")
    row = memory.ROWS[name]
    return memory.in_a_process(name, STEPS if row.steps else FITS)


def holds(name, objects, size, beside=None):
    """Checks a row against limits for each fit or step, and against one of plain Keras."""
    found = measured(name)
    assert found["objects"] <= objects, found
    assert found["bytes"] <= size, found
    assert found["models"] == 0, found
    assert found["threads"] <= 0, found
    assert found["files"] <= 0, found
    if beside is not None:
        keras = measured(beside)
        assert found["bytes"] <= keras["bytes"], (found, keras)
        assert found["objects"] <= keras["objects"], (found, keras)


@attack
def fits_of_new_models(home):
    """A fit of a new model leaves fewer objects and less memory than plain Keras' fit."""
    holds("new", OBJECTS, BYTES_OF_A_NEW_MODEL, beside="keras")


@attack
def fits_of_new_models_with_callbacks(home):
    """With TensorBoard, Checkpoints and NonFinite too it leaves less than plain Keras alone."""
    holds("new-callbacks", OBJECTS, BYTES_OF_A_NEW_MODEL, beside="keras")


@attack
def fits_that_fail(home):
    """A fit that ends by an error leaves no model, thread, open file or graph."""
    holds("new-failing", OBJECTS, BYTES_OF_A_NEW_MODEL, beside="keras")


@attack
def fits_of_one_model(home):
    """Fits of one model leave next to nothing, each."""
    holds("one", OBJECTS, BYTES_OF_A_FIT)


@attack
def fits_of_one_model_with_callbacks(home):
    """Nor do callbacks of fits of one model stay in memory."""
    holds("one-callbacks", OBJECTS, BYTES_OF_A_FIT)


@attack
def fits_on_a_file(home):
    """Fits on rows of a file leave no descriptor, thread or buffer."""
    holds("one-files", OBJECTS, BYTES_OF_A_FIT)


@attack
def evaluations_and_predictions(home):
    """Evaluating and predicting leave next to nothing, each."""
    holds("one-predict", OBJECTS, BYTES_OF_A_FIT)


@attack
def steps_on_arrays(home):
    """Memory does not grow with the steps of a fit."""
    holds("steps", 0.05, BYTES_OF_A_STEP)


@attack
def steps_with_callbacks(home):
    """Memory does not grow with steps that callbacks look at and save."""
    holds("steps-callbacks", 0.05, BYTES_OF_A_STEP)


@attack
def steps_on_batches(home):
    """Memory does not grow with batches that a generator draws one by one."""
    holds("steps-batches", 0.05, BYTES_OF_A_STEP)
