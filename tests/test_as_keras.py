"""Classes of users train as on plain Keras: the promise, as a table.

Each row of `as_keras` is a class as strangers write them, and data. It is trained on plain Keras
and with the mix-in, from the same seed and with the same batches: logs, weights, predictions, the
evaluation and the calls of callbacks are equal. All bits are the same when everything observes,
and when the run is stopped and resumed. Under XLA, where Keras allows it, it is as on Keras too.

By default a third of the rows run, some of them in the other modes; `-m slow` runs the rest.
"""

import pytest

pytest.register_assert_rewrite("as_keras.running")
# Each module of classes adds its rows.
from as_keras import (  # noqa: E402, F401
    fits,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    steps,
    structures,
)
from as_keras.row import ROWS, param  # noqa: E402
from as_keras.running import (  # noqa: E402
    check_warnings,
    close,
    diagnosed,
    looked_at,
    observed,
    plain,
    resumed,
)

NAMES = list(ROWS)


def every_batch(name, other=False):
    """Whether the callback of a row's run wants every batch; the others need none after each."""
    return (NAMES.index(name) % 3 == 0) != other


def rows(leave="", nth=1):
    """The rows as parameters of a test.

    Args:
      leave: the attribute that says why a row is left out.
      nth: the default tier has one quick row in so many; 0 has none.
    """
    chosen, number = [], 0
    for one in ROWS.values():
        if leave and getattr(one, leave):
            continue
        number += one.quick
        quick = one.quick and nth and number % nth == 0
        chosen.append(param(one, None if quick else pytest.mark.slow))
    return chosen


def as_on_keras(name, every_batch, jit=False):
    one, right = ROWS[name], plain(name, False, jit=jit)
    found = plain(name, True, every_batch, jit)
    check_warnings(one, found, right)
    close(found, right, one.tolerance, "all" if every_batch else "epochs", one.differs)


@pytest.mark.parametrize("name", rows(nth=3))
def test_as_on_plain_keras(name):
    as_on_keras(name, every_batch(name))


@pytest.mark.parametrize("name", rows(nth=0))
def test_as_on_plain_keras_with_the_other_callback(name):
    as_on_keras(name, every_batch(name, other=True))


@pytest.mark.parametrize("name", rows(nth=14))
def test_observed(name, tmp_path):
    found = observed(ROWS[name], tmp_path)
    close(found, plain(name, True, every_batch(name)), 0, "none")
    seen = looked_at(tmp_path)  # each step once, from the first one of `fit` on
    made = 0 if ROWS[name].unseen else plain(name, False).steps
    assert seen == (list(range(seen[0], seen[0] + made)) if made else [])


@pytest.mark.parametrize("name", rows(nth=40))
def test_diagnosed(name):
    found, callbacks = diagnosed(ROWS[name])
    close(found, plain(name, True, every_batch(name)), 0, "none")
    failed = [text for each in callbacks for text in each.unjudged if "Error" in text]
    assert not failed


@pytest.mark.parametrize("name", rows("no_resume", nth=14))
def test_resumed(name, tmp_path):
    found = resumed(ROWS[name], tmp_path)
    close(found, plain(name, True, every_batch(name)), 0, "none")


@pytest.mark.parametrize("name", rows("no_xla", nth=20))
def test_under_xla(name):
    as_on_keras(name, every_batch(name), jit=True)


def test_layers_that_do_not_differ_in_training_are_not_warned_of():
    assert not plain("subclassed", True).warned


def test_there_are_enough_rows():
    assert len(ROWS) >= 60
