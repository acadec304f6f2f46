"""The warm-up against its formula."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from mlp_lab.learning_rates import Warmup


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    ("after", "course"),
    [
        (0.5, lambda s: 0.5 + 0 * s),
        (keras.optimizers.schedules.PolynomialDecay(0.5, 8, 0.0), lambda s: 0.5 * (1 - s / 8)),
    ],
    ids=["number", "schedule"],
)
def test_rises_by_its_formula(after, course, jit):
    rate = tf.function(Warmup(after, 4), jit_compile=jit)
    found = [rate(tf.constant(s, tf.int64)).numpy() for s in range(8)]
    s = np.arange(8)
    expected = course(s) * np.array([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_optimizer_follows_it():
    variable = keras.Variable(np.float32([0.0]))
    optimizer = keras.optimizers.SGD(Warmup(1.0, 4))
    values = []
    for _ in range(6):
        optimizer.apply([tf.ones(1)], [variable])
        values.append(float(variable[0]))
    np.testing.assert_allclose(np.diff([0, *values]), [-0.25, -0.5, -0.75, -1, -1, -1])


@pytest.mark.parametrize("after", [0.5, keras.optimizers.schedules.CosineDecay(0.5, 8)])
def test_comes_back_from_its_config(after):
    schedule = Warmup(after, 3)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(schedule)))
    again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert again.get_config() == schedule.get_config()
    for step in range(5):
        assert float(again(step)) == float(schedule(step))


@pytest.mark.parametrize("steps", [0, -1, 2.0, True, None])
def test_steps_are_checked(steps):
    with pytest.raises(ValueError, match="steps: expected a whole number of at least 1, got"):
        Warmup(0.1, steps)
