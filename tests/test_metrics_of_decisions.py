"""Metrics of classes, of one in two, and of labels, against scikit-learn."""

import inspect

import keras
import numpy as np
import pytest
import sklearn.metrics as reference
import tensorflow as tf
from blocks import own_classes, sigmoid64, softmax64
from covering import slow
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab import metrics
from mlp_lab.options import registry
from mlp_lab.tasks import Binary, Classes, Labels

KINDS = {"classes": 4, "binary": 1, "labels": 3}
by_kind = pytest.mark.parametrize("kind", KINDS)


def draw(rng, kind, rows):
    """Labels, logits in which some of the labels show, and weights."""
    outputs = KINDS[kind]
    z = rng.normal(0, 2, (rows, outputs))
    if kind == "classes":
        y = rng.integers(0, outputs, rows)
        z[np.arange(rows), y] += 1
    else:
        y = rng.integers(0, 2, (rows, outputs))
        z += y
    return y, z.astype("float32"), rng.uniform(0.2, 2, rows)


def probabilities(kind, z):
    return softmax64(z) if kind == "classes" else sigmoid64(z)


def make(kind, from_logits):
    options = {"from_logits": from_logits, "task": kind}
    count = {"classes": 4, "binary": 2, "labels": 3}[kind]
    return {
        "accuracy": metrics.Accuracy(**options),
        "balanced_accuracy": metrics.BalancedAccuracy(count, **options),
        "f1": metrics.F1(count, **options),
        "auc": metrics.AUC(count, **options),
        "log_loss": metrics.LogLoss(**options),
    }


def expected(kind, y, z, weight):
    """The same by scikit-learn; of labels, means over the columns."""
    p, w = probabilities(kind, z), {"sample_weight": weight}
    if kind == "classes":
        decided = z.argmax(axis=1)
        auc = reference.roc_auc_score(np.eye(4)[y], p, average="macro", **w)
        log_loss = reference.log_loss(y, p, labels=range(4), **w)
        columns = [(y, decided)]
    else:
        decided = (z > 0).astype(int)
        columns = list(zip(y.T, decided.T, strict=True))
        auc = np.mean([reference.roc_auc_score(a, b, **w) for a, b in zip(y.T, p.T, strict=True)])
        log_loss = np.mean(
            [reference.log_loss(a, b, labels=[0, 1], **w) for a, b in zip(y.T, p.T, strict=True)]
        )
    average = "binary" if kind == "labels" else "macro"

    def mean(score, **options):
        return np.mean([score(*column, **w, **options) for column in columns])

    return {
        "accuracy": mean(reference.accuracy_score),
        "balanced_accuracy": mean(reference.balanced_accuracy_score),
        "f1": mean(reference.f1_score, average=average, zero_division=np.nan),
        "auc": auc,
        "log_loss": log_loss,
    }


@by_kind
@pytest.mark.parametrize(("from_logits", "weighted"), [(True, True), (False, False)])
def test_equal_to_scikit_learn_over_batches(kind, from_logits, weighted):
    rng = np.random.default_rng(3)
    made, batches = make(kind, from_logits), [draw(rng, kind, rows) for rows in (1, 40, 9)]
    for y, z, weight in batches:
        outputs = z if from_logits else probabilities(kind, z)
        for metric in made.values():
            metric.update_state(y, outputs, weight if weighted else None)
    y, z, weight = map(np.concatenate, zip(*batches, strict=True))
    wanted = expected(kind, y, z, weight if weighted else np.ones(len(y)))
    found = {name: float(metric.result()) for name, metric in made.items()}
    bound = float(made["auc"].error_bound())
    assert bound < 1e-2
    assert found.pop("auc") == pytest.approx(wanted.pop("auc"), abs=min(bound + 1e-6, 1e-3))
    assert found == pytest.approx(wanted, rel=2e-6)
    for metric in made.values():
        metric.reset_state()
        assert metric.result() == 0


@pytest.mark.parametrize(
    ("kind", "jit"),
    [("labels", True), ("binary", False), slow("binary", True), slow("labels", False)],
)
def test_graph_xla_and_half_precision(kind, jit):
    """As `test_blocks_by_enumeration` does for classes, for all kinds; a batch of unknown size."""
    compiled, eager = make(kind, True), make(kind, True)
    y, z, weight = draw(np.random.default_rng(4), kind, 30)
    z = tf.cast(z, tf.bfloat16)

    @tf.function(jit_compile=jit, reduce_retracing=True)
    def update(y, z, weight):
        for metric in compiled.values():
            metric.update_state(y, z, weight)
        return [metric.result() for metric in compiled.values()]

    function = update.get_concrete_function(
        tf.TensorSpec([None, *y.shape[1:]], y.dtype),
        tf.TensorSpec([None, *z.shape[1:]], z.dtype),
        tf.TensorSpec([None], weight.dtype),
    )
    for rows in (slice(0, 1), slice(1, 30)):
        found = function(*(tf.convert_to_tensor(a[rows]) for a in (y, z, weight)))
        for metric in eager.values():
            metric.update_state(y[rows], z[rows], weight[rows])
    np.testing.assert_allclose(found, [m.result() for m in eager.values()], rtol=1e-6)
    assert all(value.dtype == "float32" for value in found)


@pytest.mark.parametrize("form", ["flat", "column", "floats", "booleans"])
def test_labels_of_a_single_output(form):
    y, z, _ = draw(np.random.default_rng(5), "binary", 30)
    given_form = {"flat": y[:, 0], "column": y, "floats": y.astype("f"), "booleans": y > 0}[form]
    decided = z > 0
    for task in ("auto", "binary"):
        accuracy = metrics.Accuracy(from_logits=True, task=task)
        accuracy.update_state(given_form, z)
        assert float(accuracy.result()) == pytest.approx(np.mean(decided == y))
    counts = metrics.ConfusionCounts(2, from_logits=True)
    counts.update_state(given_form, z)
    np.testing.assert_array_equal(counts.matrix(), reference.confusion_matrix(y, decided))
    recalls = metrics.PerClassAccuracy(2, from_logits=True)
    recalls.update_state(given_form, z)
    wanted = reference.recall_score(y, decided, average=None)
    np.testing.assert_allclose(list(recalls.result().values()), wanted, rtol=1e-6)


def test_labels_are_not_taken_for_one_hot_classes_if_named():
    y = np.array([[1, 1, 0], [0, 0, 0]])
    z = np.array([[2.0, 1.0, -1.0], [-1.0, -3.0, -2.0]])
    metric = metrics.Accuracy(from_logits=True, task="labels")
    metric.update_state(y, z)
    assert metric.result() == 1


def test_two_softmax_outputs_and_one_sigmoid_agree():
    y, z, weight = draw(np.random.default_rng(6), "binary", 50)
    two = np.concatenate([np.zeros_like(z), z], axis=1)
    for made in (metrics.AUC, metrics.F1, metrics.BalancedAccuracy):
        pair = made(2, from_logits=True), made(2, from_logits=True)
        pair[0].update_state(y, z, weight)
        pair[1].update_state(y[:, 0], two, weight)
        assert float(pair[0].result()) == pytest.approx(float(pair[1].result()), rel=1e-6)


@settings(max_examples=10)
@given(
    rows=st.integers(2, 60),
    spread=st.sampled_from([0.3, 3.0, 1000.0]),
    offset=st.sampled_from([0.0, -12.0]),
    digits=st.sampled_from([0, 6]),
    seed=st.integers(0, 2**31),
)
def test_auc_is_within_its_bound(rows, spread, offset, digits, seed):
    """Rare positives, probabilities near 0, ties, scores of any size."""
    rng = np.random.default_rng(seed)
    y = np.append(rng.integers(0, 2, rows), [0, 1])
    z = np.round(rng.normal(offset, spread, len(y)) + spread * y, digits).astype("float32")
    metric = metrics.AUC(from_logits=True)
    metric.update_state(y, z[:, None])
    exact = reference.roc_auc_score(y, z)
    bound = float(metric.error_bound())
    assert abs(float(metric.result()) - exact) <= bound + 1e-6
    if digits == 0 and spread < 1000:  # equal scores are in one bin, others are not
        assert float(metric.result()) == pytest.approx(exact, abs=1e-6)


def test_auc_of_extreme_scores_and_of_one_class_alone():
    metric = metrics.AUC()
    metric.update_state([0, 1, 0, 1], np.array([[0.0], [1e-30], [1 - 6e-8], [1.0]], "float32"))
    assert float(metric.result()) == pytest.approx(0.75)
    metric.reset_state()
    metric.update_state([1, 1], np.array([[0.3], [0.6]]))
    assert metric.result() == 0
    labels = metrics.AUC(2, from_logits=True, task="labels")
    labels.update_state([[1, 1], [0, 1]], np.array([[3.0, 1.0], [1.0, 2.0]]))
    assert labels.result() == 1  # the second label is left out
    sure = metrics.AUC(3, from_logits=True)  # p rounds to 1 in all
    z = np.array([[90.0, 0, 0], [70.0, 0, 0], [80.0, 0, 0], [0, 50.0, 0], [0, 0, 50.0]])
    sure.update_state([0, 1, 0, 1, 2], z)
    wanted = np.mean([reference.roc_auc_score(y, s) for y, s in (
        ([1, 0, 1, 0, 0], [90, 70, 80, -50, -50]),
        ([0, 1, 0, 1, 0], [-90, -70, -80, 50, -50]),
        ([0, 0, 0, 0, 1], [-90, -70, -80, -50, 50]),
    )])  # fmt: skip
    assert float(sure.result()) == pytest.approx(wanted)


def test_auc_over_replicas_of_its_counts():
    """What several replicas count adds up."""
    parts = [draw(np.random.default_rng(seed), "labels", 20) for seed in (7, 8)]
    whole, *each = (metrics.AUC(3, task="labels", from_logits=True) for _ in range(3))
    for metric, (y, z, _) in zip(each, parts, strict=True):
        metric.update_state(y, z)
        whole.update_state(y, z)
    for variables in zip(whole.variables, *(m.variables for m in each), strict=True):
        total, *summands = (v.numpy() for v in variables)
        np.testing.assert_allclose(total, np.sum(summands, axis=0))


def test_log_loss_of_probabilities_at_the_ends():
    eps = float(np.finfo("float32").eps)
    for p in ([[0.0], [0.0]], [[1.0, 0.0], [1.0, 0.0]]):
        p = np.array(p, "float32")
        metric = metrics.LogLoss()
        metric.update_state([1, 0], p)
        assert float(metric.result()) == pytest.approx((-np.log(eps) - np.log(1 - eps)) / 2)
        wanted = reference.log_loss([1, 0], p if p.shape[1] == 2 else p[:, 0])
        assert float(metric.result()) == pytest.approx(wanted, rel=1e-6)
    logits = metrics.LogLoss(from_logits=True)
    logits.update_state([0, 1], np.array([[-1e4], [-1e4]]))
    assert float(logits.result()) == pytest.approx(5000)


def test_log_loss_of_a_label_outside_is_nan():
    for y, z in (([3], np.zeros((1, 3))), ([2], np.zeros((1, 1)))):
        metric = metrics.LogLoss(from_logits=True)
        metric.update_state(y, z)
        assert np.isnan(metric.result())


@settings(max_examples=6)
@given(k=st.integers(1, 3), one_hot=st.booleans(), seed=st.integers(0, 2**31))
def test_top_k(k, one_hot, seed):
    y, z, weight = draw(np.random.default_rng(seed), "classes", 20)
    metric = metrics.TopK(k)
    assert metric.name == f"top_{k}"
    metric.update_state(np.eye(4)[y] if one_hot else y, z, weight)
    wanted = reference.top_k_accuracy_score(y, z, k=k, labels=range(4), sample_weight=weight)
    assert float(metric.result()) == pytest.approx(wanted)


def test_top_k_gives_nothing_for_equal_or_unreadable_outputs():
    metric = metrics.TopK(1)
    metric.update_state([0, 1, 2], np.ones((3, 3)))
    assert float(metric.result()) == pytest.approx(1 / 3)  # as argmax
    metric.reset_state()
    metric.update_state([0, 1, 7], np.array([[np.nan] * 3, [np.nan, 1, 0], [1, 2, 3]]))
    assert metric.result() == 0
    with pytest.raises(ValueError, match="with 3 classes every label is among the 3 largest"):
        metrics.TopK(3).update_state([0], np.zeros((1, 3)))


def test_nan_shows():
    for metric in (metrics.AUC(), metrics.LogLoss()):
        metric.update_state([0, 1], np.array([[0.3], [np.nan]]))
        assert np.isnan(metric.result())
        metric.reset_state()
        metric.update_state([0, 1, 1], np.array([[0.3], [np.nan], [0.4]]), [1.0, 0.0, 1.0])
        assert np.isfinite(metric.result())  # of a sample of weight 0 it does not


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metrics.Accuracy(task="label"), "task: expected one of auto, classes"),
        (lambda: metrics.ConfusionCounts(3, task="labels"), "task: expected one of auto"),
        (lambda: metrics.F1(3, task="binary"), "num_classes: expected 2, got 3"),
        (lambda: metrics.F1(0, task="labels"), "at least 1"),
        (lambda: metrics.AUC(True), "at least 2"),
        (lambda: metrics.AUC(num_bins=1), "num_bins: expected a whole number of at least 2, got 1"),
        (lambda: metrics.TopK(0), "k: expected a whole number of at least 1"),
        (lambda: metrics.Accuracy(task="binary")([0], [[0.1, 0.9]]), "expected one output"),
        (lambda: metrics.Accuracy(task="classes")([0], [[0.1]]), "expected one per class"),
        (lambda: metrics.Accuracy(task="labels")([0, 1], [[0.1, 1.0]] * 2), "of 0 and 1"),
        (lambda: metrics.AUC(3)([0], [[0.1]]), "num_classes=3 classes, got 1"),
        (lambda: metrics.F1(2, task="labels")([[1]], [[0.1]]), "num_classes=2 classes, got 1"),
    ],
)
def test_refused(make, words):
    with pytest.raises(ValueError, match="expected") as caught:
        make()
    assert words in str(caught.value)


def test_every_metric_says_which_values_are_better():
    for name, cls in own_classes(metrics).items():
        wanted = (None,) if name == "ConfusionCounts" else ("max", "min")
        assert cls.direction in wanted, name
    assert metrics.AUC.direction == metrics.R2.direction == metrics.TopK.direction == "max"
    assert metrics.RootMeanSquaredError.direction == metrics.LogLoss.direction == "min"


def test_every_metric_is_registered_by_name():
    named = {target.split(":")[1] for target in registry.REGISTERED["metrics"].values()}
    assert named == set(own_classes(metrics))


@pytest.mark.parametrize(
    "task",
    [Classes(("a", "b", "c", "d")), Binary(("no", "yes")), Labels(("a", "b", "c"))],
    ids=lambda task: task.kind,
)
def test_baseline_of_a_task_is_what_its_metrics_give(task):
    """For a model that always outputs the guess: frequencies, or the logits of them."""
    rng = np.random.default_rng(9)
    train, y = (task.y(rng.choice(4 if task.kind == "classes" else 2, p=p, size=(
        (200, 3) if task.kind == "labels" else 200))) for p in (
        ([0.1, 0.2, 0.6, 0.1], [0.4, 0.3, 0.2, 0.1])
        if task.kind == "classes" else ([0.7, 0.3], [0.4, 0.6])))  # fmt: skip
    if task.kind == "classes":
        p = np.bincount(train, minlength=4) / len(train)
    else:
        p = train.mean(axis=0, dtype="float64")
    outputs = np.tile(p, (len(y), 1))
    baseline = task.baseline(train, y)
    for name, metric in make(task.kind, False).items():
        if name == "auc" and task.kind == "classes":
            continue
        metric.update_state(y, outputs)
        assert float(metric.result()) == pytest.approx(baseline[name], rel=1e-6), name


def test_arguments_that_setups_offer():
    """`options.registry` passes what `__init__` lists."""
    for cls in (metrics.Accuracy, metrics.F1, metrics.BalancedAccuracy, metrics.AUC):
        assert {"from_logits", "task"} <= set(registry.accepts(cls))
    assert "num_outputs" in inspect.signature(metrics.R2).parameters
    made = registry.create(
        registry.parse("metrics", "auc"),
        keras.metrics.Metric,
        "",
        {"from_logits": True, "num_classes": 3, "task": "labels"},
    )
    assert (made.from_logits, made.num_classes, made.task) == (True, 3, "labels")
