"""JAX: a whole epoch as one compiled program."""

import functools
import itertools

import jax
import jax.numpy as jnp

from peers import BATCH, LEARNING_RATE, SIZES, Task, timed


def loss_and_correct(weights, x, y):
    """Mean softmax cross-entropy, and the number of rows classified correctly."""
    h = x
    for w, b in weights[:-1]:
        h = jax.nn.relu(h @ w + b)
    w, b = weights[-1]
    logits = h @ w + b
    of_class = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    return -of_class.mean(), (logits.argmax(1) == y).sum()


def step(state, x, y):
    """One step of Adam: theta -= alpha_t m / (sqrt(v) + 1e-7), as Keras writes it."""
    weights, m, v, t = state
    (loss, correct), gradients = jax.value_and_grad(loss_and_correct, has_aux=True)(weights, x, y)
    t = t + 1
    rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, gradients)
    v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, gradients)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, m, v)
    return (weights, m, v, t), (loss * len(y), correct)


@functools.partial(jax.jit, donate_argnums=0)
def epoch(state, key, x, y):
    """Every row once, in a new order, including the last, smaller batch."""
    order = jax.random.permutation(key, len(y))
    full = len(y) // BATCH * BATCH

    def on_rows(state, rows):
        return step(state, x[rows].astype(jnp.float32) / 255, y[rows])

    state, (loss, correct) = jax.lax.scan(on_rows, state, order[:full].reshape(-1, BATCH))
    loss, correct = loss.sum(), correct.sum()
    if full < len(y):
        state, (last_loss, last_correct) = on_rows(state, order[full:])
        loss, correct = loss + last_loss, correct + last_correct
    return state, loss / len(y), correct / len(y)


class Scan:
    """`lax.scan` over the batches of a permutation, hand-written Adam, data as uint8."""

    def __init__(self, task: Task):
        self.x, self.y = jnp.asarray(task.x.reshape(len(task.x), -1)), jnp.asarray(task.y)
        self.key = jax.random.key(0)
        weights = []
        glorot = jax.nn.initializers.glorot_uniform()
        for shape in itertools.pairwise(SIZES):
            self.key, key = jax.random.split(self.key)
            weights.append((glorot(key, shape), jnp.zeros(shape[1])))
        zeros = jax.tree.map(jnp.zeros_like, weights)
        self.state = weights, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.int32)

    def prepare(self):
        self.train()

    def epoch(self):
        return timed(self.train)

    def train(self):
        self.key, key = jax.random.split(self.key)
        self.state, loss, accuracy = epoch(self.state, key, self.x, self.y)
        float(loss)
        return float(accuracy)
