"""A generative adversarial network: two networks with an optimizer each.

python examples/gan.py
tensorboard --logdir logs/gan

If it is stopped and started again, it continues from its last checkpoint.
"""

import argparse
from pathlib import Path

import keras
import tensorflow as tf

import mlp_lab
from mlp_lab.callbacks import Checkpoints, TensorBoard


class GAN(mlp_lab.Model):
    """The generator makes images from noise; the discriminator tells them from real ones."""

    def __init__(self, noise=32, **kwargs):
        super().__init__(**kwargs)
        self.generator = network("generator", noise, 784, "sigmoid")
        self.discriminator = network("discriminator", 784, 1)
        self.noise, self.seeds = noise, keras.random.SeedGenerator(0)
        names = "generator_loss", "discriminator_loss"
        self.means = [keras.metrics.Mean(name) for name in names]

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        super().compile(optimizer=None, **kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer

    @property
    def metrics(self):
        return self.means

    def call(self, noise):
        return tf.reshape(self.generator(noise), [-1, 28, 28])

    def train_step(self, images):
        real = tf.reshape(tf.cast(images, tf.float32) / 255, [-1, 784])
        noise = keras.random.normal((tf.shape(real)[0], self.noise), seed=self.seeds)
        # Both gradients are taken at the weights that the step began with.
        with tf.GradientTape(persistent=True) as tape:
            made = self.generator(noise, training=True)
            real_logits = self.discriminator(real, training=True)
            made_logits = self.discriminator(made, training=True)
            g_loss = crossentropy(1.0, made_logits)
            d_loss = crossentropy(0.9, real_logits) + crossentropy(0.0, made_logits)
        weights = self.generator.trainable_weights
        self.generator_optimizer.apply(tape.gradient(g_loss, weights), weights)
        weights = self.discriminator.trainable_weights
        self.discriminator_optimizer.apply(tape.gradient(d_loss, weights), weights)
        for mean, loss in zip(self.means, (g_loss, d_loss), strict=True):
            mean.update_state(loss)
        return {mean.name: mean.result() for mean in self.means}


def crossentropy(label, logits):
    """The mean cross-entropy of logits, all with the same label."""
    labels = label * tf.ones_like(logits)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def network(name, inputs, outputs, activation=None):
    """Two dense layers."""
    hidden = keras.layers.Dense(128, "leaky_relu", name="hidden")
    last = keras.layers.Dense(outputs, activation, name="outputs")
    return keras.Sequential([keras.Input((inputs,)), hidden, last], name=name)


def train(log_dir, epochs=30, rows=None, callbacks=()):
    """Trains on images of the bundled sample; returns the model."""
    keras.utils.set_random_seed(0)
    model = GAN()
    model.compile(keras.optimizers.Adam(1e-3, 0.5), keras.optimizers.Adam(1e-3, 0.5))
    images = mlp_lab.data.load("fashion_mnist", source="sample").x_train[:rows]
    seen = TensorBoard(log_dir, histogram_every=50)
    kept = Checkpoints(Path(log_dir, "checkpoints"), every=100, events=log_dir)
    model.fit(images, batch_size=64, epochs=epochs, verbose=2, callbacks=[seen, *callbacks, kept])
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log_dir", default="logs/gan")
    parser.add_argument("--epochs", type=int, default=30)
    train(**vars(parser.parse_args()))
