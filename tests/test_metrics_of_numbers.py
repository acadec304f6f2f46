"""Metrics of numbers, also of numbers far from 0, against scikit-learn in float64."""

import numpy as np
import pytest
import sklearn.metrics as reference
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab import metrics
from mlp_lab.tasks import Numbers


def make(outputs):
    return {
        "r2": metrics.R2(outputs),
        "rmse": metrics.RootMeanSquaredError(),
        "mean_absolute_error": metrics.MeanAbsoluteError(),
    }


def expected(y, p, weight=None):
    w = {"sample_weight": weight}
    return {
        "r2": reference.r2_score(y, p, **w),
        "rmse": np.sqrt(reference.mean_squared_error(y, p, **w)),
        "mean_absolute_error": reference.mean_absolute_error(y, p, **w),
    }


@settings(max_examples=8)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    outputs=st.integers(1, 3),
    center=st.sampled_from([0.0, 1e6, -3e7]),
    weighted=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_equal_to_scikit_learn_over_batches(sizes, outputs, center, weighted, seed):
    rng = np.random.default_rng(seed)
    shape = (sum(sizes) + 2, outputs)
    spread = max(1.0, abs(center) / 1e6)
    y = (center + rng.normal(0, spread, shape)).astype("float32")
    p = (y + rng.normal(0, spread / 2, shape)).astype("float32")
    y[-1] += np.float32(4 * spread)  # they vary
    weight = rng.uniform(0.1, 2, len(y)) if weighted else None
    made, start = make(outputs), 0
    for size in (*sizes, 2):
        rows = slice(start, start + size)
        for metric in made.values():
            metric.update_state(y[rows], p[rows], None if weight is None else weight[rows])
        start += size
    found = {name: float(metric.result()) for name, metric in made.items()}
    wanted = expected(y.astype("float64"), p.astype("float64"), weight)
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_a_million_plus_or_minus_one():
    """Sums of squares in float32 lose it at once; in float64 after some 100,000 samples."""
    y = np.tile(np.array([1e6 - 1, 1e6 + 1], "float32"), 2000)
    metric = metrics.R2()
    metric.moments.assign([[[1e9], [1e6], [1e9]]])  # as after a billion samples
    metric.errors.assign([0.25e9])
    for batch in np.split(y, 8):
        metric.update_state(batch, batch[:, None] + np.float32(0.5))
    weight, mean, spread = (float(v) for v in np.ravel(metric.moments.numpy()))
    assert weight == 1e9 + 4000
    assert mean == pytest.approx(1e6, rel=1e-14)
    assert spread == pytest.approx(1e9 + 4000, rel=1e-12)
    assert float(metric.result()) == pytest.approx(0.75)


def test_several_replicas_merge():
    """Rows of the replicas, each with a mean of its own, give what one would."""
    rng = np.random.default_rng(1)
    y = 1e6 + np.concatenate([rng.normal(size=(9, 2)), 50 + rng.normal(size=(4, 2))])
    p = y + rng.normal(size=y.shape)
    parts = [metrics.R2(2), metrics.R2(2)]
    parts[0].update_state(y[:9], p[:9])
    parts[1].update_state(y[9:], p[9:])
    together = metrics.R2(2)
    together._replicas = 3  # one of them without a sample
    rows = [part.moments.numpy()[0] for part in parts]
    together.moments = tf.constant(np.stack([rows[0], np.zeros((3, 2)), rows[1]]))
    together.errors.assign(parts[0].errors + parts[1].errors)
    assert float(together.result()) == pytest.approx(reference.r2_score(y, p), rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_labels_that_do_not_vary(value):
    y = np.full((50, 1), value, "float32")
    metric = metrics.R2()
    assert metric.result() == 0
    for part in np.split(y, 5):
        metric.update_state(part, part)
    assert metric.result() == reference.r2_score(y, y) == 1
    metric.update_state(y, y + 1)
    assert metric.result() == reference.r2_score(y, y + 1) == 0


def test_nan_shows_unless_its_weight_is_0():
    y, p = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [np.nan], [3.0]])
    for metric in make(1).values():
        metric.update_state(y, p)
        assert np.isnan(metric.result())
        metric.reset_state()
        metric.update_state(y, p, [1.0, 0.0, 1.0])
        assert np.isfinite(metric.result())


def test_graph_xla_and_steps_of_a_sequence():
    rng = np.random.default_rng(2)
    y, p = rng.normal(size=(2, 6, 3, 2)).astype("float32")
    weight = rng.uniform(0.5, 2, (6, 3)).astype("float32")
    wanted = expected(y.reshape(-1, 2), p.reshape(-1, 2), weight.ravel())
    signature = [tf.TensorSpec([None, *a.shape[1:]]) for a in (y, p, weight)]
    for jit in (False, True):
        made = make(2)

        @tf.function(jit_compile=jit, input_signature=signature)
        def update(y, p, weight, made=made):
            for metric in made.values():
                metric.update_state(y, p, weight)
            return {name: metric.result() for name, metric in made.items()}

        update(y[:1], p[:1], weight[:1])
        found = update(y[1:], p[1:], weight[1:])
        assert {name: float(v) for name, v in found.items()} == pytest.approx(wanted, rel=1e-5)


def test_other_outputs_are_refused():
    for wrong in (0, True, 2.0):
        with pytest.raises(ValueError, match="num_outputs: expected a whole number"):
            metrics.R2(wrong)
    with pytest.raises(ValueError, match=r"expected 1 outputs, got 2; write R2\(num_outputs=2\)"):
        metrics.R2().update_state(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="outputs' shape"):
        metrics.R2().update_state(np.zeros((3, 3)), np.zeros((3, 1)))


def test_baseline_of_a_task_is_what_its_metrics_give():
    train, y = np.random.default_rng(3).normal(1e6, 5, (2, 40, 2))
    task = Numbers.of(("a", "b"), train)
    baseline = task.baseline(train, y)
    for name, metric in make(2).items():
        guess = np.median(train, axis=0) if name == "mean_absolute_error" else task.mean
        metric.update_state(y, np.tile(guess, (40, 1)))
        assert float(metric.result()) == pytest.approx(baseline[name], rel=1e-5, abs=1e-7)
