"""Tasks: targets, readings of outputs, and what guessing reaches, against scikit-learn."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.utils.class_weight import compute_sample_weight

from mlp_lab.errors import InputError
from mlp_lab.options import registry
from mlp_lab.tasks import Binary, Classes, Labels, Numbers, Task, class_weights

RNG = np.random.default_rng(0)
COLORS = Classes(("blue", "green", "red"))
ANSWER = Binary(("no", "yes"))
SCENES = Labels(("indoors", "night", "people"))
SIZES = Numbers(("length", "weight"), (1.5, -2e6), (0.5, 1e3))
TASKS = [COLORS, ANSWER, SCENES, SIZES]
by_task = pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
OUTPUTS = {task.kind: RNG.normal(size=(7, task.num_outputs)) for task in TASKS}
Y = {
    "classes": RNG.integers(0, 3, 7),
    "binary": np.array([0, 1, 1, 0, 1, 0, 0]),
    "labels": RNG.integers(0, 2, (7, 3)),
    "numbers": RNG.normal(size=(7, 2)),
}


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@by_task
def test_form_of_a_task(task):
    assert task.num_outputs == {"classes": 3, "binary": 1, "labels": 3, "numbers": 2}[task.kind]
    assert task.num_classes == {"classes": 3, "binary": 2, "labels": 3, "numbers": None}[task.kind]
    assert task.loss in registry.REGISTERED["loss"]
    y = task.y(Y[task.kind])
    assert y.dtype == ("int32" if task is COLORS else "float32")
    assert y.shape == {"classes": (7,), "binary": (7, 1)}.get(task.kind, (7, task.num_outputs))
    np.testing.assert_array_equal(np.squeeze(y), Y[task.kind].astype(y.dtype))
    np.testing.assert_array_equal(task.y(y), y)
    for form in task.label_forms[:1]:
        np.testing.assert_array_equal(task.encode_labels(y, form), y)
    with pytest.raises(InputError, match=r"--labels: .* got 'two_hot'"):
        task.encode_labels(y, "two_hot")
    assert set(task.metrics) <= set(task.baseline(y, y))
    assert task.baseline(y[:0], y) == task.baseline(y, y[:0]) == {}


def test_classes_one_hot():
    ids = COLORS.y([2, 0, 1])
    one_hot = COLORS.encode_labels(ids, "one_hot")
    assert one_hot.dtype == "float32"
    np.testing.assert_array_equal(one_hot, np.eye(3)[[2, 0, 1]])


@by_task
def test_round_trip_through_json(task):
    data = json.loads(json.dumps(task.to_dict()))
    again = Task.from_dict(data)
    assert again == task
    assert type(again) is type(task)
    assert hash(again) == hash(task)


scraps = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=5), s, max_size=3),
    max_leaves=6,
)


@by_task
@settings(max_examples=40)
@given(key=st.sampled_from(["kind", "names", "mean", "scale", "more"]), value=scraps)
def test_damaged_json_is_refused_in_one_line(task, key, value):
    data = {**task.to_dict(), key: value}
    try:
        again = Task.from_dict(data, "task.json")
    except InputError as error:
        message = str(error)
    else:
        assert again.to_dict() == data
        return
    assert re.fullmatch(r"task\.json is not a task.*", message)  # one line


@pytest.mark.parametrize("data", [None, [], "x", {}, {"kind": []}, {"kind": "classes"}])
def test_other_json_is_refused(data):
    with pytest.raises(InputError, match="is not a task"):
        Task.from_dict(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Classes(("a",)),
        lambda: Classes(("a", "a")),
        lambda: Classes(["a", "b"]),
        lambda: Classes((1, 2)),
        lambda: Binary(("a", "b", "c")),
        lambda: Labels(()),
        lambda: Numbers(("a",), (0.0,), (0.0,)),
        lambda: Numbers(("a",), (float("nan"),), (1.0,)),
        lambda: Numbers(("a",), (0.0, 1.0), (1.0,)),
        lambda: Numbers(("a",), (True,), (1.0,)),
    ],
)
def test_tasks_that_make_no_sense_are_refused(make):
    with pytest.raises(InputError, match=r"^--task: "):
        make()


@pytest.mark.parametrize("from_logits", [True, False])
def test_classes_read(from_logits):
    z = OUTPUTS["classes"]
    found = COLORS.read((z if from_logits else softmax(z)).astype("float32"), from_logits)
    np.testing.assert_array_equal(found.values, z.argmax(axis=1))
    np.testing.assert_allclose(found.probabilities, softmax(z), rtol=1e-5)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-12)
    names = [COLORS.names[i] for i in z.argmax(axis=1)]
    assert found.labels() == names
    columns = found.columns()
    assert list(columns) == ["class", *(f"probability of {c}" for c in COLORS.names)]
    assert columns["class"].tolist() == names
    assert all(len(column) == 7 for column in columns.values())


@pytest.mark.parametrize("from_logits", [True, False])
def test_binary_read(from_logits):
    z = OUTPUTS["binary"]
    given_outputs = z if from_logits else sigmoid(z)
    for outputs in (given_outputs, given_outputs[:, 0]):
        found = ANSWER.read(outputs, from_logits)
        np.testing.assert_array_equal(found.values, z[:, 0] > 0)
        np.testing.assert_allclose(found.probabilities, np.hstack([1 - sigmoid(z), sigmoid(z)]))
    assert found.labels() == [("no", "yes")[int(v > 0)] for v in z[:, 0]]
    assert list(found.columns()) == ["class", "probability of no", "probability of yes"]


def test_ties_are_negative_and_tiny_logits_are_not():
    assert ANSWER.read([[0.0], [1e-30], [-1e-30]]).values.tolist() == [0, 1, 0]
    assert ANSWER.read([[0.5]], from_logits=False).values.tolist() == [0]
    assert COLORS.read([[1.0, 1.0, 1.0]]).labels() == ["blue"]


@pytest.mark.parametrize("task", TASKS[:3], ids=lambda t: t.kind)
def test_huge_logits(task):
    for size in (1e4, 3e38):
        z = size * np.sign(OUTPUTS[task.kind])
        p = task.read(z).probabilities
        assert np.isfinite(p).all()
        assert ((p >= 0) & (p <= 1)).all()


def test_labels_read():
    z = OUTPUTS["labels"]
    found = SCENES.read(z)
    np.testing.assert_array_equal(found.values, z > 0)
    np.testing.assert_allclose(found.probabilities, sigmoid(z))
    assert found.labels()[0] == tuple(np.array(SCENES.names)[z[0] > 0])
    columns = found.columns()
    assert list(columns) == [*SCENES.names, *(f"probability of {c}" for c in SCENES.names)]
    np.testing.assert_array_equal(columns["night"], z[:, 1] > 0)
    odd = Labels(("x", "probability of x")).read(z[:, :2]).columns()
    assert list(odd) == [
        *("x", "probability of x", "probability of x'"),
        "probability of probability of x",
    ]


def test_numbers_read():
    outputs = OUTPUTS["numbers"]
    found = SIZES.read(outputs)
    assert found.probabilities is None
    assert found.labels() == [tuple(row) for row in outputs.tolist()]
    np.testing.assert_array_equal(found.columns()["weight"], outputs[:, 1])
    one = Numbers(("price",), (0.0,), (1.0,)).read(outputs[:, 0])
    assert one.labels() == outputs[:, 0].tolist()


@by_task
def test_no_samples(task):
    found = task.read(np.zeros((0, task.num_outputs), "float32"))
    assert len(found) == 0
    assert found.labels() == []
    assert all(len(column) == 0 for column in found.columns().values())


@by_task
def test_outputs_that_cannot_be_read_are_refused(task):
    outputs = OUTPUTS[task.kind].copy()
    for wrong in (outputs[:, :0], np.hstack([outputs, outputs, outputs]), outputs[None], 1.0):
        with pytest.raises(InputError, match=r"--model: expected outputs of shape \[n, "):
            task.read(wrong)
    for value in (np.nan, np.inf):
        outputs[2, -1] = value
        with pytest.raises(InputError, match="1 of 7 outputs are not finite, first row 2"):
            task.read(outputs)
    if task is not SIZES:
        with pytest.raises(InputError, match=r"^--from_logits: expected probabilities"):
            task.read(2 * OUTPUTS[task.kind], from_logits=False)
    if task is COLORS:
        with pytest.raises(InputError, match="sum to 1"):
            task.read(np.full((1, 3), 0.9), from_logits=False)


@pytest.mark.parametrize(
    ("task", "values"),
    [
        (COLORS, [0, 3]),
        (COLORS, [0, -1]),
        (COLORS, [0.5, 1]),
        (COLORS, [np.nan, 1]),
        (COLORS, np.eye(3)),
        (COLORS, ["0", "1"]),
        (ANSWER, [0, 2]),
        (ANSWER, np.zeros((3, 2))),
        (SCENES, [0, 1]),
        (SCENES, [[0, 1, 2]]),
        (SCENES, [[0, 1, np.nan]]),
        (SIZES, [1.0, 2.0]),
        (SIZES, [[1.0, np.inf]]),
        (SIZES, [[1.0, 1e39]]),
        (SIZES, [["1", "2"]]),
    ],
)
def test_targets_that_do_not_fit_are_refused(task, values):
    with pytest.raises(InputError):
        task.y(np.array(values))


def test_numbers_of_data():
    values = np.array([[1e6 - 1, 7.3], [1e6 + 1, 7.3], [1e6, 7.3]])
    task = Numbers.of(["a", "b"], values)
    assert task.mean == pytest.approx((1e6, 7.3), rel=1e-15)
    assert task.scale == pytest.approx((np.std([-1, 0, 1]), 1.0), rel=1e-12)  # 1 for a constant
    assert Numbers.of(("c",), np.full(1000, 0.1)).scale == (1.0,)  # not 1e-17
    with pytest.raises(InputError, match=r"'t' varies by .* apart; subtract a constant"):
        Numbers.of(("t",), 1.7e9 + np.arange(100.0))
    with pytest.raises(InputError, match="at least one sample"):
        Numbers.of(("t",), np.zeros(0))
    assert np.isfinite(Numbers.of(("t",), [-3e38, 3e38]).scale[0])


@settings(max_examples=30)
@given(train=st.lists(st.integers(0, 3), min_size=1), y=st.lists(st.integers(0, 3), min_size=1))
def test_baseline_of_classes(train, y):
    task = Classes(("a", "b", "c", "d"))
    found = task.baseline(task.y(train), task.y(y))
    counts = np.bincount(train, minlength=4)
    guess = np.full(len(y), counts.argmax())
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(y, guess))
    recalls = [np.mean(guess[np.array(y) == c] == c) for c in set(y)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    f1 = reference.f1_score(y, guess, average="macro")
    assert found["f1"] == pytest.approx(f1)
    p = np.clip(counts / counts.sum(), np.finfo("float32").eps, 1)
    assert found["log_loss"] == pytest.approx(np.mean(-np.log(p)[y]), rel=1e-6, abs=2e-7)


@settings(max_examples=30)
@given(
    train=st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=1),
    y=st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=1),
)
def test_baseline_of_labels(train, y):
    train, y = np.array(train), np.array(y)
    found = SCENES.baseline(SCENES.y(train), SCENES.y(y))
    guess = np.tile(train.mean(axis=0) > 0.5, (len(y), 1)).astype(int)
    assert found["accuracy"] == pytest.approx(np.mean(guess == y))
    columns = [(y[:, i], guess[:, i]) for i in range(3)]
    f1 = [reference.f1_score(*c, zero_division=np.nan) for c in columns]
    assert found["f1"] == pytest.approx(0.0 if np.isnan(f1).all() else np.nanmean(f1))
    recalls = [np.mean([np.mean(g[t == v] == v) for v in set(t)]) for t, g in columns]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_baseline_of_binary():
    found = ANSWER.baseline(ANSWER.y([0, 0, 1]), ANSWER.y([1, 0, 1, 1]))
    assert found["accuracy"] == 0.25
    assert found["auc"] == 0.5
    assert found["log_loss"] == pytest.approx(-(0.25 * np.log(2 / 3) + 0.75 * np.log(1 / 3)))


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), rows=st.integers(5, 30), offset=st.sampled_from([0.0, 1e6]))
def test_baseline_of_numbers(seed, rows, offset):
    rng = np.random.default_rng(seed)
    train, y = offset + rng.normal(size=(2, rows, 2)) * [10, 1000]
    found = Numbers.of(("a", "b"), train).baseline(train, y)
    guess = np.tile(train.mean(axis=0), (rows, 1))
    assert found["rmse"] == pytest.approx(np.sqrt(reference.mean_squared_error(y, guess)))
    median = np.tile(np.median(train, axis=0), (rows, 1))
    assert found["mean_absolute_error"] == pytest.approx(reference.mean_absolute_error(y, median))
    assert found["r2"] == pytest.approx(reference.r2_score(y, guess), rel=1e-6, abs=1e-6)


@given(ids=st.lists(st.integers(0, 3), min_size=1))
def test_balanced_weights_are_those_of_scikit_learn(ids):
    found = class_weights(np.array(ids), tuple("abcd"), "balanced")
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, compute_sample_weight("balanced", ids), rtol=1e-6)


def test_weights_by_name():
    y = ANSWER.y([0, 1, 1])
    np.testing.assert_array_equal(class_weights(y, ("no", "yes"), {"yes": 3}), [1, 3, 3])
    for weights, words in (
        ({"yess": 3}, "did you mean 'yes'"),
        ({"yes": -1}, "at least 0"),
        ({"yes": float("nan")}, "at least 0"),
        ({"yes": True}, "at least 0"),
        ({"yes": 0, "no": 0}, "nothing to learn"),
        ("balance", "did you mean 'balanced'"),
    ):
        with pytest.raises(InputError, match=words):
            class_weights(y, ("no", "yes"), weights)
    with pytest.raises(InputError, match="only classes have weights"):
        class_weights(np.zeros((3, 2)), ("a", "b"), "balanced")


@by_task
def test_shown(task):
    text = repr(task)
    assert text.startswith(f"{type(task).__name__} {len(task.names)}: {task.names[0]}")
    assert task.loss in text
    assert "float64" not in text
    assert repr(task.read(OUTPUTS[task.kind])).startswith(f"Predictions {task.kind}, 7 samples")
