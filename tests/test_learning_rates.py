"""The warm-up and the waves against their formulas."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from mlp_lab.learning_rates import LogCosine, Warmup


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


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("cycles", [1, 4])
def test_waves_by_their_formula(cycles, jit):
    """Over, at and beyond the run's steps; at the ends of waves, the rate is 0."""
    schedule = LogCosine(0.5, 150, cycles)
    rate = tf.function(schedule, jit_compile=jit)
    s = np.arange(0, 170, 5)
    found = np.array([rate(tf.constant(step, tf.int64)).numpy() for step in s])
    t = np.minimum(s / 150, 1)
    expected = 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + (2**cycles - 1) * t))) / 2
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[0] == 0
    if cycles == 4:
        ends = [0, 10, 30, 70, 150, 165]  # t = (2^k - 1) / 15
        np.testing.assert_allclose(found[np.isin(s, ends)], 0, atol=1e-6)
        assert found.max() == pytest.approx(0.5, rel=0.01)


def test_waves_come_back_from_their_config():
    schedule = LogCosine(0.25, 7, 3)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(schedule)))
    again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert again.get_config() == {"rate": 0.25, "steps": 7, "cycles": 3}


def test_waves_are_checked():
    with pytest.raises(ValueError, match="steps: expected a whole number of at least 1, got 0"):
        LogCosine(0.1, 0)
    with pytest.raises(ValueError, match="cycles: expected a whole number of at least 1"):
        LogCosine(0.1, 9, 2.5)
