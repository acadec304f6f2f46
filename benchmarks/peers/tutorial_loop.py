"""The loop of the TensorFlow 2.0 tutorials: Python runs every operation."""

import keras
import tensorflow as tf

from peers import BATCH, HIDDEN, LEARNING_RATE, Task, timed


class Loop:
    """An epoch with `GradientTape`, eagerly, on a `tf.data` dataset."""

    def __init__(self, task: Task):
        def prepared(x, y):
            return tf.reshape(tf.cast(x, tf.float32) / 255, [-1, 784]), y

        rows = tf.data.Dataset.from_tensor_slices((task.x, task.y))
        self.batches = rows.shuffle(10_000).batch(BATCH).map(prepared)
        hidden = [keras.layers.Dense(units, activation="relu") for units in HIDDEN]
        self.model = keras.Sequential([*hidden, keras.layers.Dense(10)])
        self.optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.accuracy = keras.metrics.SparseCategoricalAccuracy()

    def prepare(self):
        self.train()

    def epoch(self):
        return timed(self.train)

    def train(self):
        self.accuracy.reset_state()
        for x, y in self.batches:
            with tf.GradientTape() as tape:
                logits = self.model(x, training=True)
                loss = self.loss(y, logits)
            gradients = tape.gradient(loss, self.model.trainable_variables)
            self.optimizer.apply_gradients(
                zip(gradients, self.model.trainable_variables, strict=True)
            )
            self.accuracy.update_state(y, logits)
        return float(self.accuracy.result())
