"""`mlp_lab.testing` finds each of these faults, names it, and passes the class without it."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from process import ROOT

import mlp_lab
from examples.focal_loss import FocalLoss
from examples.residual_mlp import ResidualMLP
from examples.top_k import TopK
from mlp_lab import probes
from mlp_lab.testing import (
    CheckError,
    check_layer,
    check_loss,
    check_metric,
    check_model,
    check_probe,
)

register = keras.saving.register_keras_serializable("test_testing")
# How the class with each fault is checked, what has to be found, and how the one without is.
FAULTS = {}


def fault(name, check, words, right, **options):
    """Lists the decorated class as faulty, and `right` as its twin without the fault."""

    def decorate(cls):
        FAULTS[name] = (lambda: check(cls, **options), words, lambda: check(right, **options))
        return cls

    return decorate


# Layers.


@register
class Gain(keras.layers.Layer):
    """inputs * scale + shift, with a factor that is given."""

    def __init__(self, factor=3.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")
        self.shift = self.add_weight(name="shift", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs):
        return ops.tanh(inputs * self.scale + self.shift) * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def gain(x, scale, shift):
    return np.tanh(x * scale + shift) * 3.0


layer_fault = {"check": check_layer, "right": Gain, "input_shape": (4,)}


@tf.custom_gradient
def flipped_square(x):
    return x * x, lambda upstream: -2 * x * upstream


@tf.custom_gradient
def square(x):
    return x * x, lambda upstream: 2 * x * upstream


@register
class Square(keras.layers.Layer):
    def call(self, inputs):
        return square(inputs)


@fault(
    "custom gradient with its sign flipped",
    check_layer,
    r"FlippedSquare: the gradient of the inputs does not match central.*the sign is flipped",
    Square,
    input_shape=(4,),
)
@register
class FlippedSquare(keras.layers.Layer):
    def call(self, inputs):
        return flipped_square(inputs)


@tf.custom_gradient
def halved_weight(x, w):
    return x * w, lambda up: (up * w, tf.reduce_sum(up * x, axis=0) / 2)


@fault(
    "gradient of one weight halved",
    words=r"the gradient of scale does not match central differences.*0\.5 times as large",
    **layer_fault,
)
@register
class HalvedWeight(Gain):
    def call(self, inputs):
        product = halved_weight(ops.convert_to_tensor(inputs), self.scale + 0.0)
        return ops.tanh(product + self.shift) * self.factor


@fault("rounding stops the gradient", words="no gradient reaches shift", **layer_fault)
@register
class StoppedGradient(Gain):
    def call(self, inputs):
        shifted = inputs * self.scale + ops.stop_gradient(ops.convert_to_tensor(self.shift))
        return ops.tanh(shifted) * self.factor


@fault("weight without use", words="nothing depends on shift.*use it in call", **layer_fault)
@register
class IdleWeight(Gain):
    def call(self, inputs):
        return ops.tanh(inputs * self.scale) * self.factor


@fault(
    "layer loses its config",
    check_layer,
    r"factor was 3\.0, the copy has the default 1\.0; return it from get_config",
    lambda: Gain(3.0),
    input_shape=(4,),
)
def make_lost_config():
    return LostConfig(3.0)


@register
class LostConfig(Gain):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(factor, **kwargs)

    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "factor"}


@fault("layer loses a default", words=r"get_config\(\) lacks factor \(3\.0 here\)", **layer_fault)
@register
class LostDefault(Gain):
    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "factor"}


@fault(
    "constructor refuses its config",
    words="unexpected keyword.*let __init__ accept",
    **layer_fault,
)
@register
class NoKeywords(Gain):
    def __init__(self, factor=3.0):
        super().__init__(factor)


@fault("config that is no JSON", words="that JSON cannot hold|get_config.. fails", **layer_fault)
@register
class ObjectInConfig(Gain):
    def get_config(self):
        return {**super().get_config(), "factor": complex(self.factor)}


@fault("class is not registered", words="is not registered.*decorate it with", **layer_fault)
class Unregistered(Gain):
    pass


@fault(
    "weight made in no tracked place",
    words="computes another value with the same weights.*keep learned values and counts in",
    **layer_fault,
)
@register
class HiddenWeight(Gain):
    def build(self, input_shape):
        super().build(input_shape)
        self.__dict__["hidden"] = tf.Variable(
            np.random.default_rng().normal(size=4), dtype="float32"
        )

    def call(self, inputs):
        return super().call(inputs) + self.__dict__["hidden"]


@fault(
    "softmax over the wrong axis in a layer",
    words="a sample's result changes with the other samples.*use axis=-1",
    **layer_fault,
)
@register
class SoftmaxOverBatch(Gain):
    def call(self, inputs):
        return ops.softmax(super().call(inputs), axis=0)


@fault("hard-coded batch size", words="fails with a batch of 1.*is hard-coded", **layer_fault)
@register
class HardBatch(Gain):
    def call(self, inputs):
        return ops.reshape(super().call(inputs), (6, 4))


@fault(
    "static batch size",
    words="fails as a graph program with a batch of unknown size.*batch size is None",
    skip=["serialization"],
    **layer_fault,
)
@register
class StaticBatch(Gain):
    def call(self, inputs):
        return super().call(inputs) + 0.0 * ops.ones(int(inputs.shape[0]))[:, None]


@fault("NumPy in call", words="NumPy code cuts the gradient and cannot be traced", **layer_fault)
@register
class NumpyOutputs(Gain):
    def call(self, inputs):
        return np.tanh(np.asarray(inputs) * self.factor)


@fault(
    "NumPy within call",
    words="fails as a graph program.*NumPy code cannot be traced",
    skip=["serialization"],
    **layer_fault,
)
@register
class NumpyInside(Gain):
    def call(self, inputs):
        return super().call(inputs) + np.sqrt(np.abs(inputs.numpy()))


@fault(
    "Python state in call",
    words="two calls with the same inputs and weights give different.*Python attributes",
    skip=["serialization"],
    **layer_fault,
)
@register
class PythonState(Gain):
    calls = 0

    def call(self, inputs):
        self.calls += 1
        return super().call(inputs) * self.calls


@fault(
    "another value in a graph",
    words="eager and graph differ for a batch of",
    skip=["serialization"],
    **layer_fault,
)
@register
class OtherInGraph(Gain):
    def call(self, inputs):
        return super().call(inputs) * (1.0 if tf.executing_eagerly() else 2.0)


@fault("wrong output shape", words=r"returns \(None, 5\), but call returns \(6, 4\)", **layer_fault)
@register
class WrongShape(Gain):
    def compute_output_shape(self, input_shape):
        return (input_shape[0], 5)


@fault("float16 overflows", words="mixed_float16", **layer_fault)
@register
class OverflowingHalf(Gain):
    def call(self, inputs):
        return super().call(inputs) * 1e5 / 1e5


@fault("type that is not cast", words="fails in float64.*cast", **layer_fault)
@register
class MixedTypes(Gain):
    def call(self, inputs):
        return super().call(inputs) + tf.ones([4])


@fault(
    "layer is not its reference",
    words=r"does not match its reference.*0\.5 times as large",
    reference=gain,
    **layer_fault,
)
@register
class NotItsFormula(Gain):
    def call(self, inputs):
        return super().call(inputs) / 2


@fault("infinite outputs", words="Infinite: outputs .*inf", **layer_fault)
@register
class Infinite(Gain):
    def call(self, inputs):
        return super().call(inputs) / 0.0


# Losses.


@register
class Crossentropy(keras.losses.Loss):
    """-sum_j y_j log softmax(z)_j, with a scale that is given."""

    def __init__(self, scale=1.0, name="crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def log_p(self, z):
        return ops.log_softmax(z, axis=-1)

    def call(self, y_true, y_pred):
        return -self.scale * ops.sum(y_true * self.log_p(y_pred), axis=-1)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def crossentropy(y, z):
    return np.logaddexp.reduce(z, axis=-1) - np.sum(y * z, axis=-1)


loss_fault = {
    "check": check_loss,
    "right": Crossentropy,
    "from_logits": True,
    "reference": crossentropy,
}


@fault("sum in place of mean", words="missing mean: repeating the batch changes", **loss_fault)
@register
class SumInCall(Crossentropy):
    def call(self, y_true, y_pred):
        return ops.sum(super().call(y_true, y_pred))


@fault("sum as reduction", words="missing mean: .*reduction", **loss_fault)
@register
class SumReduction(Crossentropy):
    def __init__(self, scale=1.0, name="s", reduction="sum", **kwargs):
        super().__init__(scale, name, reduction=reduction, **kwargs)


@fault("mean over the batch in call", words=r"values of shape \(\), expected one per", **loss_fault)
@register
class MeanInCall(Crossentropy):
    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred))


@fault(
    "softmax over the wrong axis",
    words="a sample's result changes with the.*axis 0: use axis=-1",
    **loss_fault,
)
@register
class WrongAxis(Crossentropy):
    def log_p(self, z):
        return ops.log_softmax(z, axis=0)


@fault(
    "samples are centered on their batch",
    words="a sample's result changes with the other samples",
    **loss_fault,
)
@register
class Centered(Crossentropy):
    def call(self, y_true, y_pred):
        values = super().call(y_true, y_pred)
        return values - 0.5 * ops.mean(values)


@fault(
    "log2 for ln", words="does not match its reference.*log2 instead of the natural", **loss_fault
)
@register
class Log2(Crossentropy):
    def log_p(self, z):
        return ops.log2(ops.softmax(z) + 1e-37)


@fault("flipped sign", words="does not match its reference.*the sign is flipped", **loss_fault)
@register
class Flipped(Crossentropy):
    def call(self, y_true, y_pred):
        return -super().call(y_true, y_pred)


@fault(
    "loss with a wrong gradient", words="the gradient of the outputs does not match", **loss_fault
)
@register
class FlippedGradient(Crossentropy):
    def call(self, y_true, y_pred):
        @tf.custom_gradient
        def value(z):
            found = super(FlippedGradient, self).call(y_true, z)
            return found, lambda up: -up[:, None] * (tf.nn.softmax(z) - tf.cast(y_true, z.dtype))

        return value(ops.convert_to_tensor(y_pred))


@fault("sample weights ignored", words="sample weights are ignored", **loss_fault)
@register
class NoWeights(Crossentropy):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred)


@fault("sample weights squared", words="not the .* of weight \\* value", **loss_fault)
@register
class SquaredWeights(Crossentropy):
    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            sample_weight = np.square(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)


@fault("weight 0 made 1", words="a sample of weight 0 still counts", **loss_fault)
@register
class NoZeroWeights(Crossentropy):
    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            sample_weight = np.where(sample_weight == 0, 1, sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)


@fault("infinite at large logits", words="value is .* at logits of .-10000", **loss_fault)
@register
class LogOfSoftmax(Crossentropy):
    def log_p(self, z):
        return ops.log(ops.softmax(z))


@fault(
    "loss loses its config",
    check_loss,
    r"LostScale: .*scale was 2\.0, the copy has the default 1\.0; return it from get_config",
    lambda: Crossentropy(2.0),
    from_logits=True,
)
def make_lost_scale():
    return LostScale(2.0)


@register
class LostScale(Crossentropy):
    def get_config(self):
        return keras.losses.Loss.get_config(self)


@fault("NumPy in a loss", words="NumPy", **loss_fault)
@register
class NumpyLoss(Crossentropy):
    def call(self, y_true, y_pred):
        return crossentropy(np.asarray(y_true), np.asarray(y_pred)).astype("float32")


# Metrics.


@register
class Share(keras.metrics.Metric):
    """The share of samples whose largest output is their label."""

    label_form = "integer"

    def __init__(self, name="share", **kwargs):
        super().__init__(name=name, **kwargs)
        self.right = self.add_variable((), "zeros", name="right")
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.cast(ops.argmax(y_pred, axis=-1) == ops.cast(y_true, "int32"), self.dtype)
        weight = ops.ones_like(hits)
        if sample_weight is not None:
            weight = ops.cast(sample_weight, self.dtype)
        self.add(hits, weight)

    def add(self, hits, weight):
        self.right.assign_add(ops.sum(weight * hits))
        self.total.assign_add(ops.sum(weight))

    def result(self):
        return ops.divide_no_nan(self.right, self.total)


metric_fault = {
    "check": check_metric,
    "right": Share,
    "reference": lambda y, p: np.mean(y == p.argmax(axis=-1)),
}


@fault("metric is not reset", words="reset_state does not reset it", **metric_fault)
@register
class NotReset(Share):
    def reset_state(self):
        self.right.assign(0.0)


@fault(
    "metric counts in Python", words="reset_state does not reset it.*Python attr", **metric_fault
)
@register
class PythonCounts(Share):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.batches = 0

    def add(self, hits, weight):
        super().add(hits, weight)
        self.batches += 1

    def result(self):
        return super().result() / max(self.batches, 1)


@fault("average of batch averages", words="updated with 4 and 8 .*batch aver", **metric_fault)
@register
class BatchAverages(Share):
    def add(self, hits, weight):
        self.right.assign_add(ops.divide_no_nan(ops.sum(weight * hits), ops.sum(weight)))
        self.total.assign_add(1.0)


@fault("last batch only", words="updated with 4 and 8 samples, its result differs", **metric_fault)
@register
class LastBatch(Share):
    def add(self, hits, weight):
        self.right.assign(ops.sum(weight * hits))
        self.total.assign(ops.sum(weight))


@fault("first sample counts more", words="changes with the order|updated with 4", **metric_fault)
@register
class FirstSample(Share):
    def add(self, hits, weight):
        super().add(hits, weight)
        self.right.assign_add(0.5 * hits[0])


@fault("metric ignores weights", words="sample weights are ignored", **metric_fault)
@register
class NoMetricWeights(Share):
    def add(self, hits, weight):
        super().add(hits, ops.ones_like(hits))


@fault("metric divides by samples", words="weight 2 does not count as two", **metric_fault)
@register
class WrongTotal(Share):
    def add(self, hits, weight):
        self.right.assign_add(ops.sum(weight * hits))
        self.total.assign_add(ops.cast(ops.size(hits), self.dtype))


@fault("metric takes no weights", words="takes no sample weights", **metric_fault)
@register
class WithoutWeights(Share):
    def update_state(self, y_true, y_pred):
        super().update_state(y_true, y_pred)


@fault("NaN before the first sample", words="before the first sample is", **metric_fault)
@register
class NanAtFirst(Share):
    def result(self):
        return self.right / self.total


@fault("result changes state", words="calling result twice gives two", **metric_fault)
@register
class ResultCounts(Share):
    def result(self):
        self.total.assign_add(1.0)
        return super().result()


@fault("metric is not its reference", words="does not match its reference", **metric_fault)
@register
class Errors(Share):
    def add(self, hits, weight):
        super().add(1.0 - hits, weight)


@fault("type of a metric's outputs", words="fails in bfloat16", **metric_fault)
@register
class OnlyFloat32(Share):
    def update_state(self, y_true, y_pred, sample_weight=None):
        wanted = y_pred if y_pred.dtype == "float64" else y_pred + tf.zeros([3])
        super().update_state(y_true, wanted, sample_weight)


# Models.


@register
class Net(mlp_lab.Model):
    def __init__(self, num_classes=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden = mlp_lab.layers.Dense(5, "tanh", name="hidden")
        self.logits = mlp_lab.layers.Dense(num_classes, name="logits")

    def call(self, inputs):
        return self.logits(self.hidden(inputs))


model_fault = {"check": check_model, "right": Net, "input_shape": (4,)}


@fault("weights that never train", words="no gradient reaches hidden/kernel", **model_fault)
@register
class NeverTrains(Net):
    def call(self, inputs):
        return self.logits(ops.stop_gradient(self.hidden(inputs)))


@fault(
    "step that leaves weights out",
    words="logits/kernel, logits/bias did not change in 4 steps of training",
    **model_fault,
)
@register
class PartOfTheStep(Net):
    def transform_gradients(self, gradients):
        return [*gradients[:2], *(ops.zeros_like(g) for g in gradients[2:])]


@fault(
    "Python counter in the step",
    words="trained eagerly, it ends with other weights than in a graph",
    **model_fault,
)
@register
class PythonCounter(Net):
    def transform_gradients(self, gradients):
        self.__dict__["steps"] = self.__dict__.get("steps", 0) + 1
        return [g / self.__dict__["steps"] ** 2 for g in gradients]


@fault(
    "noise of NumPy", words="differs after the same steps with and without probes", **model_fault
)
@register
class NumpyNoise(Net):
    def transform_gradients(self, gradients):
        generator = self.__dict__.setdefault("noise", np.random.default_rng())
        return [g * generator.normal() for g in gradients]


@fault("step fails", words="cannot be trained: .*no such thing", **model_fault)
@register
class FailingStep(Net):
    def transform_gradients(self, gradients):
        raise ValueError("no such thing")


@fault("no explicit step", words="does not have an explicit training step.*GlassBox", **model_fault)
@register
class NoGlass(keras.Model):
    def call(self, inputs):
        return inputs


@fault("model's hard-coded batch", words="fails with a batch of 1", **model_fault)
@register
class HardBatchModel(Net):
    def call(self, inputs):
        return ops.reshape(super().call(inputs), (6, 3))


# Probes.


class Sparsity(probes.Probe):
    """The share of weights near zero, and the largest weights."""

    group = "sparsity"

    def read(self, step):
        return {
            **{name: np.mean(np.abs(w) < 1e-3) for name, w in step.weights.items()},
            "all": np.concatenate([w.ravel() for w in step.weights.values()]),
            "how": "weights below 1e-3",
        }


probe_fault = {"check": check_probe, "right": Sparsity}


@fault("probe changes the step", words=r"read changes step\.gradients\['hidden_1/k", **probe_fault)
class InPlace(probes.Probe):
    def read(self, step):
        gradient = step.gradients["hidden_1/kernel"]
        if gradient.flags.writeable:
            gradient *= 2
        return {"mean": gradient.mean()}


@fault("probe removes entries", words="changes which entries step.weights has", **probe_fault)
class Popping(probes.Probe):
    def read(self, step):
        weights = step.weights
        weights.pop("outputs/bias", None)
        return {name: w.mean() for name, w in weights.items()}


@fault("probe returns a list", words="read returns a list; return", **probe_fault)
class ListOfValues(probes.Probe):
    def read(self, step):
        return [step.loss]


@fault("probe returns a tensor", words="as 'loss'; compute with NumPy", **probe_fault)
class TensorValue(probes.Probe):
    def read(self, step):
        return {"loss": tf.constant(step.loss)}


@fault("probe returns an object", words="read returns a dict as 'loss'", **probe_fault)
class ObjectValue(probes.Probe):
    def read(self, step):
        return {"loss": {"a": step.loss}}


@fault("probe draws numbers", words="two results for one step", **probe_fault)
class Sampled(probes.Probe):
    generator = np.random.default_rng()

    def read(self, step):
        # Of finitely many values two that are drawn may be equal.
        return {"sample": step.weights["hidden_1/kernel"].mean() + self.generator.normal()}


@fault("probe names the step", words="names differ: step 0 has", **probe_fault)
class NumberedNames(probes.Probe):
    def read(self, step):
        return {f"loss_{step.number}": step.loss}


@fault(
    "probe with a hard-coded batch",
    words="read fails at step 2, a batch of 4.*the last batch is smaller",
    **probe_fault,
)
class EightRows(probes.Probe):
    def read(self, step):
        return {"mean": step.outputs.reshape(8, 3).mean()}


@fault("probe whose every is no number", words="every is 0; make it a number", **probe_fault)
class NeverAsked(probes.Probe):
    every = 0

    def read(self, step):
        return {"loss": step.loss}


@fault("probe without read", words="read fails.*must implement read", **probe_fault)
class Unread(probes.Probe):
    pass


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found_and_named(name):
    check, words, _ = FAULTS[name]
    with pytest.raises(CheckError, match=words) as caught:
        check()
    assert isinstance(caught.value, AssertionError)
    assert "; " in str(caught.value), "it says what to change"


def test_the_message_that_the_docs_show():
    (shown,) = re.findall(
        r"^    LostScale: .*\n(?:    .*\n)*", (ROOT / "docs/subclassing.md").read_text(), re.M
    )
    with pytest.raises(CheckError) as caught:
        FAULTS["loss loses its config"][0]()
    assert " ".join(shown.split()) == str(caught.value)


def twins():
    """Each class without a fault once, with all that it is checked for."""
    seen = {}
    for name, (_, _, right) in FAULTS.items():
        cells = dict(zip(right.__code__.co_freevars, right.__closure__, strict=True))
        twin = cells["right"].cell_contents
        seen.setdefault(twin if isinstance(twin, type) else name, (name, right))
    return dict(seen.values())


@pytest.mark.parametrize("name", twins())
def test_the_class_without_the_fault_passes(name):
    assert twins()[name]() == []


# What the twins above are not: several inputs and outputs, given data, instances, models of
# one's own.


@register
class TwoInputs(keras.layers.Layer):
    def build(self, input_shape):
        self.mix = self.add_weight(name="mix", shape=(), initializer="ones")

    def call(self, inputs):
        return {"sum": inputs["a"] + self.mix * inputs["b"], "product": inputs["a"] * inputs["b"]}

    def compute_output_shape(self, input_shape):
        return {"sum": input_shape["a"], "product": input_shape["a"]}


def test_nested_inputs_and_outputs():
    rng = np.random.default_rng(0)
    inputs = {"a": rng.normal(size=(5, 3)), "b": rng.normal(size=(5, 3))}

    def reference(x, mix):
        return {"sum": x["a"] + mix * x["b"], "product": x["a"] * x["b"]}

    assert check_layer(TwoInputs, inputs, reference=reference) == []


def test_integer_inputs():
    """Of which there is no gradient, and of the table there is."""
    tokens = np.array([[0, 1], [2, 3], [4, 0], [1, 1]])
    assert check_layer(lambda: keras.layers.Embedding(5, 3), tokens) == []


@pytest.mark.parametrize("across_samples", [False, True])
def test_normalization_over_the_batch(across_samples):
    """Over the moving averages outside of training, over the batch in it."""
    make = keras.layers.BatchNormalization
    assert check_layer(make, input_shape=(4,), across_samples=across_samples) == []


def test_random_layer():
    assert check_layer(keras.layers.Dropout(0.5), input_shape=(4,)) == []


@register
class BatchMean(Gain):
    def call(self, inputs):
        return super().call(inputs) - ops.mean(inputs, axis=0)


def test_samples_that_depend_on_each_other():
    with pytest.raises(CheckError, match="across_samples=True"):
        check_layer(BatchMean, input_shape=(4,))
    assert check_layer(BatchMean, input_shape=(4,), across_samples=True) == []


@register
class CallsPython(Gain):
    def call(self, inputs):
        outputs = super().call(inputs)
        return outputs + 0.0 * tf.reduce_sum(tf.numpy_function(np.sign, [outputs], "float32"))


def test_an_operation_without_xla_form_is_noted():
    (note,) = check_layer(
        CallsPython, input_shape=(4,), across_samples=True, skip=["gradients", "precision"]
    )
    assert note.startswith("XLA: not checked")


def test_an_instance_stays_as_it_is():
    net = Net()
    before = [w.numpy() for w in (net(np.ones((2, 4))), net)[1].weights]
    assert check_model(net, input_shape=(4,)) == []
    assert all(np.array_equal(a, w) for a, w in zip(before, net.weights, strict=True))
    metric = Share()
    metric.update_state([0, 1], [[1.0, 0, 0], [1.0, 0, 0]])
    assert check_metric(metric) == []
    assert float(metric.result()) == 0.5


def test_a_step_of_several_outputs_and_labels():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(6, 3)).astype("float32")
    options = {"loss": mlp_lab.losses.MeanSquaredError, "optimizer": lambda: "adam"}
    assert check_model(Net, labels=labels, compile=options, input_shape=(4,)) == []


@pytest.mark.parametrize(
    ("policy", "floatx"), [("mixed_float16", "float32"), ("float64", "float64")]
)
def test_the_default_precision_is_restored(policy, floatx):
    before = keras.config.floatx()
    try:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        check_loss(Crossentropy, from_logits=True, skip=["graph", "xla", "training"])
        assert (keras.config.dtype_policy().name, keras.config.floatx()) == (policy, floatx)
        with pytest.raises(CheckError):
            check_loss(Flipped, from_logits=True, reference=crossentropy)
        assert (keras.config.dtype_policy().name, keras.config.floatx()) == (policy, floatx)
    finally:
        keras.config.set_floatx(before)


def test_seeds_are_left_alone():
    """Who draws numbers after a check draws what he would have drawn."""
    drawn = []
    for check in (False, True):
        keras.utils.set_random_seed(1)
        if check:
            check_probe(Sparsity, skip=["written"])
            check_loss(Crossentropy, from_logits=True, skip=["training"])
        drawn.append(np.random.random())
    assert drawn[0] == drawn[1]


def test_skip_leaves_out():
    assert check_layer(FlippedSquare, input_shape=(4,), skip=["gradients"]) == []
    with pytest.raises(ValueError, match=r"skip: expected some of gradients, .*got gradient$"):
        check_layer(Square, input_shape=(4,), skip=["gradient"])


@pytest.mark.parametrize(
    ("check", "error", "words"),
    [
        (lambda: check_layer(3, input_shape=(4,)), TypeError, "expected a Layer or a callable"),
        (lambda: check_layer(Share, input_shape=(4,)), TypeError, "that makes a Layer"),
        (lambda: check_layer(Gain), ValueError, "either inputs or input_shape"),
        (lambda: check_layer(Gain, np.ones((2, 4))), ValueError, "at least 3 samples"),
        (lambda: check_loss(Crossentropy, np.ones((3, 2)), np.ones((4, 2))), ValueError, "3 and 4"),
        (lambda: check_probe(Sparsity, inputs=np.ones((4, 4))), ValueError, "together"),
        (
            lambda: check_loss(Crossentropy, from_logits=True, reference=lambda y, z: 0.0),
            ValueError,
            "one value per sample",
        ),
    ],
)
def test_wrong_arguments_of_a_check(check, error, words):
    with pytest.raises(error, match=words):
        check()


# What the examples and the lab's probes are.


def test_example_loss():
    def reference(y, z):
        log_p = -crossentropy(y, z)
        return -((1 - np.exp(log_p)) ** 1.5) * log_p

    assert check_loss(lambda: FocalLoss(1.5), from_logits=True, reference=reference) == []


def test_example_metric():
    def reference(y, p):
        best = np.argsort(-p, axis=-1)[:, :2]
        return np.mean([label in row for label, row in zip(y.argmax(axis=-1), best, strict=True)])

    # keras.ops.in_top_k takes float32 only: neither half precision nor float64.
    check_metric(lambda: TopK(k=2), skip=["precision"])
    rng = np.random.default_rng(0)
    y, p = np.eye(3)[rng.integers(0, 3, 8)], rng.random((8, 3)).astype("float32")
    metric = TopK(k=2)
    metric.update_state(y, p)
    np.testing.assert_allclose(metric.result(), reference(y, p), rtol=1e-6)


def test_example_model():
    def reference(x, *weights):
        stem, *blocks, logits = zip(weights[::2], weights[1::2], strict=True)
        h = x @ stem[0] + stem[1]
        for kernel, bias in blocks:
            h = h + np.maximum(h @ kernel + bias, 0)
        return h @ logits[0] + logits[1]

    assert check_model(lambda: ResidualMLP(3, 5, 2), input_shape=(4,), reference=reference) == []


@pytest.mark.parametrize("probe", probes.standard(), ids=lambda probe: type(probe).__name__)
def test_probes_of_the_lab(probe):
    assert check_probe(probe) == []


def test_probe_of_a_given_model():
    model = Net()
    model.compile("sgd", mlp_lab.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    assert check_probe(Sparsity, model, x, np.arange(20) % 3) == []
