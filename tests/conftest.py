"""What every test needs: known seeds, the default precision, no leftovers of Keras."""

import gc

import keras
import pytest
from hypothesis import settings
from process import hear_signals

# The same examples on every machine and in every run: a failure can be repeated.
settings.register_profile("lab", derandomize=True, deadline=None)
settings.load_profile("lab")


# Tracing makes very many objects, most of which stay until the model goes.
gc.set_threshold(20_000, 20, 20)


def _collect():
    """Frees what nobody holds; later collections do not look through what is left."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish(session):
    _collect()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    # TensorFlow keeps graphs forever. A collection that goes through those of a thousand tests
    # can take half a minute where cold memory is paged out.
    result = yield
    _collect()
    return result


def pytest_configure(config):
    hear_signals()
    # Keras 3.15 reads its variables through an `__array__` that NumPy 2 finds old.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )


@pytest.fixture(autouse=True)
def _same_start():
    """Each test starts with the same seeds and float32, whatever ran before it."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")
