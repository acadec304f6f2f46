"""The mix-in's place among a class's bases, and loading models with classes of their own."""

import keras
import numpy as np
import pytest

import mlp_lab

X, Y = np.zeros((8, 4), "float32"), np.zeros(8, int)


class Scale(keras.layers.Layer):
    """Not registered with Keras."""

    def call(self, inputs):
        return 2 * inputs


def test_the_keras_class_first_is_refused_with_the_line_to_write():
    class Box(mlp_lab.GlassBox):
        pass

    class Base(keras.Model):
        def call(self, inputs):
            return inputs

    class Wrong(keras.Sequential, mlp_lab.GlassBox):
        pass

    class Deeper(Wrong):
        pass

    class Own(Base, Box):
        pass

    lines = {
        Wrong: "`class Wrong(mlp_lab.GlassBox, keras.Sequential):`",
        Deeper: "`class Wrong(mlp_lab.GlassBox, keras.Sequential):`",
        Own: "`class Own(Box, Base):`",
    }
    for cls, line in lines.items():
        with pytest.raises(TypeError) as caught:
            cls([keras.Input((4,)), keras.layers.Dense(3)])
        assert str(caught.value).endswith(
            f"GlassBox must come before the Keras class; write {line}"
        )
        assert "\n" not in str(caught.value)


def test_all_right_orders_are_models():
    class Box(mlp_lab.GlassBox):
        pass

    class First(mlp_lab.GlassBox, keras.Sequential):
        pass

    class Second(Box, keras.Sequential):
        pass

    class Third(First):
        pass

    for cls in First, Second, Third:
        model = cls([keras.Input((4,)), keras.layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(X, Y, verbose=0)
        assert cls.train_step is mlp_lab.GlassBox.train_step


def test_loading_with_classes_that_are_not_registered(tmp_path):
    class Net(mlp_lab.GlassBox, keras.Sequential):
        pass

    model = Net([keras.Input((4,)), Scale(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(X, Y, verbose=0)
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(mlp_lab.models.ModelFileError, match="Could not locate class"):
        mlp_lab.load_model(path)
    given = {"Net": Net, "Scale": Scale}
    loaded = mlp_lab.load_model(path, custom_objects=given)
    assert type(loaded) is Net
    assert loaded.compiled
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    bare = mlp_lab.load_model(path, given, compile=False)
    assert not bare.compiled
    np.testing.assert_array_equal(bare.predict(X, verbose=0), model.predict(X, verbose=0))
