"""Names and module:Class texts."""

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp_lab.errors import InputError
from mlp_lab.options import registry


@pytest.mark.parametrize("option", registry.REGISTERED)
def test_registered_names_exist(option):
    for name in registry.REGISTERED[option]:
        assert callable(registry.locate(registry.parse(option, name)))


def test_every_keras_optimizer_is_registered():
    """Notices when Keras gains or loses an optimizer."""
    # The base, and three that wrap other optimizers, which no text can name.
    left_out = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}
    names = {
        name.lower()
        for name, value in vars(keras.optimizers).items()
        if isinstance(value, type) and name not in left_out
    }
    registered = set(registry.REGISTERED["optimizer"]) - {"gradient_descent"}
    assert registered == names


@pytest.mark.parametrize("name", sorted(set(registry.REGISTERED["optimizer"])))
def test_every_optimizer_can_be_made_with_a_learning_rate(name):
    part = registry.parse("optimizer", name)
    made = registry.create(part, keras.optimizers.Optimizer, "", {"learning_rate": 0.125})
    assert float(made.learning_rate) == 0.125


literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=5,
)  # fmt: skip


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), literals, max_size=3))
def test_arguments_are_python_literals(arguments):
    keywords = {f"{name}_": value for name, value in arguments.items()}
    text = "a.b:C(" + ", ".join(f"{k}={v!r}" for k, v in keywords.items()) + ")"
    part = registry.parse("loss", text)
    assert part.target == "a.b:C"
    assert part.arguments == keywords


@given(st.lists(st.sampled_from(["mse", "a:B(c=[1, 2], d='),(')", 'e:F(g="it\'s, {")'])))
def test_split_is_the_inverse_of_join(parts):
    assert registry.split(", ".join(parts)) == parts


@pytest.mark.parametrize(
    "text", ["", "a:b:c", "a b", "mse)", "a:B(c=1", "a:B(1)", "a:B(c=f())", "a:B(**{})", "a:B()()"]
)
def test_unreadable_texts_are_refused(text):
    with pytest.raises(InputError, match=r"^--loss: "):
        registry.parse("loss", text)


def test_arguments_are_not_executed(tmp_path):
    text = f"a:B(c=open({str(tmp_path / 'made')!r}, 'w'))"
    with pytest.raises(InputError):
        registry.parse("loss", text)
    assert list(tmp_path.iterdir()) == []


def test_offered_arguments_yield_to_given_ones():
    part = registry.parse("optimizer", "sgd(learning_rate=0.5)")
    made = registry.create(part, keras.optimizers.Optimizer, "", {"learning_rate": 0.1, "other": 1})
    assert float(made.learning_rate) == 0.5
