"""The diagnosis says what is wrong, and only that; it changes no bit of a training."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from process import ROOT, environment, python, train

import mlp_lab
from mlp_lab.callbacks import Diagnosis
from mlp_lab.diagnosis import KINDS, Finding, Rule, ranked, rules, standard, subject_of
from mlp_lab.diagnosis import Diagnosis as Course
from mlp_lab.diagnosis.history import units
from mlp_lab.engine.given import Given
from mlp_lab.options.registry import REGISTERED
from mlp_lab.testing import CheckError, check_rule

RNG = np.random.default_rng(0)
CENTERS = 2 * RNG.normal(size=(3, 4))
CLASSES = RNG.integers(0, 3, 240)
X = (CENTERS[CLASSES] + RNG.normal(size=(240, 4))).astype("float32")
BINARY = (CLASSES > 0).astype(int)
NUMBERS = X.sum(axis=1)


class Net(mlp_lab.GlassBox, keras.Sequential):
    """A Sequential model with the explicit step."""


def net(units=3, head=None, hidden="relu", width=8, **options):
    dense = keras.layers.Dense
    return Net([keras.Input((4,)), dense(width, hidden, **options), dense(units, head)])


def quiet(**options):
    return Diagnosis(say=lambda text: None, **options)


def test_causes_come_first_and_symptoms_become_their_effects():
    def found(kind, certainty="probable", since=None):
        return Finding(kind, "it is so", "here", ("2 > 1",), "--x=1", certainty, since)

    several = [found("dead units", "certain", 7), found("loss", "note"), found("rate too high")]
    first, note = ranked(several)
    assert (first.kind, first.effects) == ("rate too high", ("dead units since step 7",))
    assert note.kind == "loss"
    assert [f.kind for f in ranked([found("non-finite"), found("dead units")])] == [
        "non-finite",
        "dead units",
    ]
    assert "rate too high" in first.text
    assert "rate too high" in repr(first)
    assert first.line.startswith("probable: rate too high")
    assert json.loads(json.dumps(first.as_record()))["effects"] == ["dead units since step 7"]
    with pytest.raises(ValueError, match="certainty"):
        found("loss", "perhaps")


def test_all_rules_are_registered_and_have_a_kind():
    names = {target.rpartition(":")[2] for target in REGISTERED["rules"].values()}
    assert names == set(rules.__all__)
    assert {rule.group for rule in standard()} == set(KINDS)


class Pairs(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


class Negative(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return -keras.ops.mean(keras.ops.square(y_true[:, None] - y_pred), axis=-1)


LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
BCE = "binary_crossentropy"
SCCE = "sparse_categorical_crossentropy"
ORDER = np.argsort(CLASSES, kind="stable")
STATIC = {
    "softmax on one output": (net(1, "softmax"), BCE, X, BINARY, {}, "output activation"),
    "tanh with probabilities": (net(1, "tanh"), BCE, X, BINARY, {}, "output activation"),
    "sigmoid on classes": (net(3, "sigmoid"), SCCE, X, CLASSES, {}, "output activation"),
    "tanh out of reach": (net(1, "tanh"), "mse", X, 9 * NUMBERS, {}, "output activation"),
    "no activation": (net(1), BCE, X, BINARY, {}, "output and loss"),
    "softmax twice": (net(3, "softmax"), LOGITS, X, CLASSES, {}, "output and loss"),
    "numbers for several": (net(3), "mse", X, NUMBERS, {}, "output and loss"),
    "one of one class": (
        net(1, "sigmoid"), "categorical_crossentropy", X, BINARY[:, None], {}, "loss"),
    "class numbers": (net(1, "sigmoid"), BCE, X, CLASSES, {}, "loss"),
    "all pairs": (net(1), Pairs(), X, NUMBERS, {}, "loss"),
    "wrong sign": (net(1), Negative(), X, NUMBERS, {}, "loss"),
    "zeros": (net(3, kernel_initializer="zeros"), LOGITS, X, CLASSES, {}, "initialization"),
    "softmax inside": (net(3, hidden="softmax"), LOGITS, X, CLASSES, {}, "hidden activation"),
    "sorted": (net(3), LOGITS, X[ORDER], CLASSES[ORDER], {"shuffle": False}, "not shuffled"),
    "classes held out": (
        net(3), LOGITS, X[ORDER], CLASSES[ORDER], {"validation_split": 0.4}, "not shuffled"),
    "equal labels": (net(3), LOGITS, X, np.ones_like(CLASSES), {}, "labels degenerate"),
    "label 3 of 3": (net(3), LOGITS, X, CLASSES + 1, {}, "labels degenerate"),
    "NaN in x": (net(3), LOGITS, np.where(X > 3, np.nan, X), CLASSES, {}, "inputs degenerate"),
    "equal rows": (net(3), LOGITS, np.ones_like(X), CLASSES, {}, "inputs degenerate"),
}  # fmt: skip
FINE = {
    "classes": (net(3), LOGITS, X, CLASSES, {}),
    "softmax": (net(3, "softmax"), SCCE, X, CLASSES, {}),
    "squared error of classes": (net(3, "softmax"), "mse", X, np.eye(3)[CLASSES], {}),
    "one of two": (net(1, "sigmoid"), BCE, X, BINARY, {}),
    "numbers": (net(1), "mse", X, NUMBERS, {}),
    "whole numbers": (net(1), "mse", X, CLASSES.astype("float32"), {}),
    "file order": (net(3), LOGITS, X, CLASSES, {"shuffle": False}),
    "GELU": (net(3, hidden="gelu"), LOGITS, X, CLASSES, {}),
}


def before(model, loss, x, y, given):
    model.compile("sgd", loss)
    given = {"validation_data": None, "validation_split": 0.0, "shuffle": True, **given}
    subject = subject_of(model, Given(data=(x, y, None), batch_size=16, **given))
    course = Course(subject, standard())
    found = course.begin()
    assert not course.evidence.unjudged
    return found


@pytest.mark.parametrize("name", STATIC)
def test_what_is_seen_before_training(name):
    *case, kind = STATIC[name]
    found = before(*case)
    assert found[0].kind == kind, found
    assert found[0].change


@pytest.mark.parametrize("name", FINE)
def test_what_is_fine_before_training(name):
    assert before(*FINE[name]) == []


def compiled(rate=30.0, **options):
    keras.utils.set_random_seed(1)
    model = mlp_lab.MLP((6,), 3, dropout=0.1)
    model.compile(keras.optimizers.Adam(rate), LOGITS, metrics=["accuracy"], **options)
    return model


def batches(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).shuffle(50, seed=1).batch(16)


@pytest.mark.parametrize("mode", ["graph", "XLA", "pipeline"])
def test_a_fit_with_a_diagnosis_equals_one_without(mode):
    seen = []
    for callbacks in ([], [quiet(thorough=True, seconds=5)]):
        model = compiled(jit_compile=mode == "XLA")
        data = (batches(X, CLASSES),) if mode == "pipeline" else (X, CLASSES)
        options = {"shuffle": False} if mode == "pipeline" else {"batch_size": 16}
        history = model.fit(*data, epochs=2, verbose=0, callbacks=callbacks, **options).history
        drawn = np.random.normal(), np.array(keras.random.normal([2]))
        seen.append((history, model.get_weights(), drawn, model.training_progress))
    for one, other in zip(*seen, strict=True):
        np.testing.assert_equal(one, other)
    found = callbacks[0]
    assert found.findings[0].kind == "rate too high", (found.findings, found.unjudged)
    assert found.findings[0].certainty == "certain"
    assert "learning_rate=0.0" in found.findings[0].change or "=0.3" in found.findings[0].change


class Several(mlp_lab.Model):
    """Two inputs, two outputs."""

    def __init__(self):
        super().__init__()
        self.one, self.two = keras.layers.Dense(3), keras.layers.Dense(1)

    def call(self, inputs):
        return {"a": self.one(inputs["x"]), "b": self.two(inputs["z"])}


class Own(mlp_lab.Model):
    """A step of its own, without labels, and no optimizer of Keras' name."""

    def __init__(self):
        super().__init__()
        self.layer, self.own = keras.layers.Dense(4), keras.optimizers.SGD(0.1)

    def call(self, x):
        return self.layer(x)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self(data) - data))
        weights = self.trainable_weights
        self.own.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


def test_models_of_any_form_are_judged_as_far_as_they_can_be():
    model, callback = Several(), quiet()
    model.compile("sgd", {"a": LOGITS, "b": "mse"})
    model.fit(
        {"x": X, "z": X}, {"a": CLASSES, "b": NUMBERS}, verbose=0, callbacks=[callback], epochs=2
    )
    assert callback.findings == []
    assert any("not one array" in text for text in callback.unjudged)
    model, callback = Own(), quiet()
    model.compile()
    model.fit(X, verbose=0, callbacks=[callback])
    assert callback.findings == []
    assert any("no labels" in text for text in callback.unjudged)


def test_units_that_are_dead_or_saturated_are_counted():
    outputs = {
        "a": np.array([[0, 1.0], [0, 0]]),
        "b": np.array([[0.999, 0.5]]),
        "c": np.ones((2, 2)),
    }
    layers = {
        "a": keras.layers.Dense(2, "relu"),
        "b": keras.layers.Dense(2, "sigmoid"),
        "c": keras.layers.Dense(2),
    }
    assert units(outputs, layers) == ({"a": 0.5}, {"b": 0.5})


class Alarmed(Rule):
    """Always finds something."""

    group = "always"

    def find(self, evidence):
        yield Finding("always", "so", "here", ("it is",), "nothing")


class Broken(Rule):
    group = "broken"

    def find(self, evidence):
        raise KeyError("key")


def test_rules_of_users_are_checked_and_do_no_harm():
    with pytest.raises(CheckError, match="in a healthy training"):
        check_rule(Alarmed)
    model, callback = compiled(0.01), quiet(rules=[Broken(), Alarmed()])
    model.fit(X, CLASSES, verbose=0, callbacks=[callback])
    assert [f.kind for f in callback.findings] == ["always"]
    assert any(text.startswith("broken: KeyError") for text in callback.unjudged)
    with pytest.raises(ValueError, match="instances"):
        Diagnosis(rules=[Alarmed])


@pytest.mark.slow
@pytest.mark.parametrize("name", rules.__all__)
def test_rules_pass_their_check(name):
    assert len(check_rule(getattr(rules, name))) == 1


def test_a_run_says_what_is_wrong(tmp_path):
    flags = ["--dataset=mnist", "--hidden_units=8", "--epochs=1", "--learning_rate=30"]
    flags += ["--pictures_every=0", f"--log_dir={tmp_path}", "--histogram_every=0"]
    done = train(*flags, "--name=bad", "--diagnose=on", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "certain: rate too high" in done.stdout
    record = json.loads((tmp_path / "bad" / "run.json").read_text())
    assert record["findings"][0]["kind"] == "rate too high"
    content = b"".join(p.read_bytes() for p in (tmp_path / "bad").glob("events*"))
    assert b"findings/1_rate_too_high" in content
    found = python("-m", "mlp_lab", "diagnose", f"--run={tmp_path}/bad", env=environment(tmp_path))
    assert (found.returncode, "--learning_rate=" in found.stdout) == (1, True), found.stderr


def test_every_kind_has_its_section():
    text = (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"\n## {kind.capitalize()}\n" in text, kind
