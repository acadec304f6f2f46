"""The time that no implementation with this machine's matrix products can beat."""

import itertools

import tensorflow as tf

from peers import BATCH, SIZES, Task, timed


class Products:
    """The matrix products of an epoch's full batches in one XLA while loop, and nothing else.

    For each layer: forward, h W; for the gradient of W, h^T g; for the gradient of h, g W^T, which
    the first layer does not need. No activations, loss, optimizer, shuffling or scaling. The
    products of a step depend on its rows, and those that are not used otherwise are state of the
    loop, so that none can be optimized away or moved out of the loop.
    """

    def __init__(self, task: Task):
        self.x = tf.constant(task.flat())
        random = tf.random.Generator.from_seed(0)
        shapes = itertools.pairwise(SIZES)
        self.weights = [random.normal(shape, stddev=shape[0] ** -0.5) for shape in shapes]
        self.run = tf.function(self.products, jit_compile=True, autograph=False)

    def products(self, x, weights, steps):
        def step(i, _):
            hidden = [tf.slice(x, [i * BATCH, 0], [BATCH, SIZES[0]])]
            for w in weights:
                hidden.append(hidden[-1] @ w)
            g = hidden[-1]
            gradients = []
            for k in reversed(range(len(weights))):
                gradients.append(tf.matmul(hidden[k], g, transpose_a=True))
                if k:
                    g = tf.matmul(g, weights[k], transpose_b=True)
            return i + 1, gradients[::-1]

        return tf.while_loop(
            lambda i, _: i < steps, step, [tf.constant(0), [tf.zeros_like(w) for w in weights]]
        )

    def prepare(self):
        self.train()

    def epoch(self):
        return timed(self.train)

    def train(self):
        _, gradients = self.run(self.x, self.weights, tf.constant(len(self.x) // BATCH))
        gradients[0].numpy()
