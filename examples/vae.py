"""A variational autoencoder: sampling in a layer, and losses that `call` adds.

python examples/vae.py
tensorboard --logdir logs/vae

If it is stopped and started again, it continues from its last checkpoint.
"""

import argparse
from pathlib import Path

import keras
import tensorflow as tf

import mlp_lab
from mlp_lab.callbacks import Checkpoints, TensorBoard


class Sampling(keras.layers.Layer):
    """Draws z from a normal distribution with this mean and logarithm of the variance."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(tf.shape(mean), seed=self.seeds)
        return mean + tf.exp(log_variance / 2) * noise


class VAE(mlp_lab.Model):
    """It needs no labels and no loss in `compile`: `fit(images)` minimizes what `call` adds."""

    def __init__(self, size=8, **kwargs):
        super().__init__(**kwargs)
        self.encoder = network("encoder", 784, 2 * size)
        self.decoder = network("decoder", size, 784)
        self.sampling = Sampling()
        self.fit_mean = keras.metrics.Mean("reconstruction")
        self.divergence_mean = keras.metrics.Mean("divergence")

    def call(self, images, training=None):
        pixels = tf.reshape(tf.cast(images, tf.float32) / 255, [-1, 784])
        mean, log_variance = tf.split(self.encoder(pixels, training=training), 2, axis=-1)
        logits = self.decoder(self.sampling((mean, log_variance)), training=training)

        errors = tf.nn.sigmoid_cross_entropy_with_logits(pixels, logits)
        reconstruction = tf.reduce_mean(tf.reduce_sum(errors, axis=-1))
        divergences = tf.square(mean) + tf.exp(log_variance) - 1 - log_variance
        divergence = tf.reduce_mean(tf.reduce_sum(divergences, axis=-1)) / 2
        self.add_loss(reconstruction + divergence)
        self.fit_mean.update_state(reconstruction)
        self.divergence_mean.update_state(divergence)
        return tf.reshape(tf.sigmoid(logits), [-1, 28, 28])


def network(name, inputs, outputs, activation=None):
    """Two dense layers."""
    hidden = keras.layers.Dense(128, "leaky_relu", name="hidden")
    last = keras.layers.Dense(outputs, activation, name="outputs")
    return keras.Sequential([keras.Input((inputs,)), hidden, last], name=name)


def train(log_dir, epochs=30, rows=None, callbacks=()):
    """Trains on images of the bundled sample; returns the model."""
    keras.utils.set_random_seed(0)
    model = VAE()
    model.compile(keras.optimizers.Adam(1e-3))
    images = mlp_lab.data.load("mnist", source="sample").x_train[:rows]
    seen = TensorBoard(log_dir, histogram_every=50)
    kept = Checkpoints(Path(log_dir, "checkpoints"), every=100, events=log_dir)
    model.fit(images, batch_size=64, epochs=epochs, verbose=2, callbacks=[seen, *callbacks, kept])
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log_dir", default="logs/vae")
    parser.add_argument("--epochs", type=int, default=30)
    train(**vars(parser.parse_args()))
