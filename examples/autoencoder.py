"""An autoencoder: images come out as they went in, through a narrow layer.

python examples/autoencoder.py
tensorboard --logdir logs/autoencoder

If it is stopped and started again, it continues from its last checkpoint.
"""

import argparse
from pathlib import Path

import keras
import tensorflow as tf

import mlp_lab
from mlp_lab.callbacks import Checkpoints, TensorBoard


class Autoencoder(mlp_lab.Model):
    """`fit(images)` is enough: its own `compute_loss` compares the outputs with the inputs."""

    def __init__(self, size=16, **kwargs):
        super().__init__(**kwargs)
        self.encoder = network("encoder", 784, size)
        self.decoder = network("decoder", size, 784, "sigmoid")

    def call(self, images, training=None):
        codes = self.encoder(pixels(images), training=training)
        return tf.reshape(self.decoder(codes, training=training), [-1, 28, 28])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        errors = tf.square(pixels(x) - tf.reshape(y_pred, [-1, 784]))
        return tf.reduce_mean(tf.reduce_sum(errors, axis=-1))


def pixels(images):
    """Images as rows of numbers from 0 to 1."""
    return tf.reshape(tf.cast(images, tf.float32) / 255, [-1, 784])


def network(name, inputs, outputs, activation=None):
    """Two dense layers."""
    hidden = keras.layers.Dense(128, "leaky_relu", name="hidden")
    last = keras.layers.Dense(outputs, activation, name="outputs")
    return keras.Sequential([keras.Input((inputs,)), hidden, last], name=name)


def train(log_dir, epochs=30, rows=None, callbacks=()):
    """Trains on images of the bundled sample; returns the model."""
    keras.utils.set_random_seed(0)
    model = Autoencoder()
    model.compile(keras.optimizers.Adam(1e-3))
    images = mlp_lab.data.load("fashion_mnist", source="sample").x_train[:rows]
    seen = TensorBoard(log_dir, histogram_every=50)
    kept = Checkpoints(Path(log_dir, "checkpoints"), every=100, events=log_dir)
    model.fit(images, batch_size=64, epochs=epochs, verbose=2, callbacks=[seen, *callbacks, kept])
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log_dir", default="logs/autoencoder")
    parser.add_argument("--epochs", type=int, default=30)
    train(**vars(parser.parse_args()))
