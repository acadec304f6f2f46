"""Models that are trained, killed and resumed, given to train.py as module:Class."""

import keras
import tensorflow as tf

import mlp_lab


@keras.saving.register_keras_serializable(package="killing_models")
class Spread(keras.metrics.Mean):
    """A metric that does not say whether more or less is better."""

    def __init__(self, name="spread"):
        super().__init__(name)

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(keras.ops.std(y_pred))


@keras.saving.register_keras_serializable(package="killing_models")
class Breaks(mlp_lab.MLP):
    """An MLP whose gradients are infinite from the 30th step on."""

    def transform_gradients(self, gradients):
        factor = tf.where(self.optimizer.iterations < 30, 1.0, float("inf"))
        return [gradient * factor for gradient in gradients]


@keras.saving.register_keras_serializable(package="killing_models")
class TwoOptimizers(mlp_lab.MLP):
    """An MLP whose biases have an optimizer of their own, with a state of its own."""

    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        self.of_biases = keras.optimizers.SGD(0.01, momentum=0.9)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            loss = self.compute_loss(x, y, outputs)
        kernels = [w for w in self.trainable_weights if w.name == "kernel"]
        biases = [w for w in self.trainable_weights if w.name == "bias"]
        of_kernels, of_biases = tape.gradient(loss, (kernels, biases))
        self.optimizer.apply(of_kernels, kernels)
        self.of_biases.apply(of_biases, biases)
        self.track_loss(loss, x)
        return self.compute_metrics(x, y, outputs, None)
