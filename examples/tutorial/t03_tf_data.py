"""T3: tf.data's operations: slices, batches, shuffle, map, repeat, and their order."""

import lesson  # isort: skip
import numpy as np
import tensorflow as tf

from mlp_lab.data.pipeline import pieces


def memberships(dataset, epochs=2):
    """Which samples share a batch, per epoch: a set of frozensets."""
    return [{frozenset(batch.numpy().tolist()) for batch in dataset} for _ in range(epochs)]


def main(argv=None):
    """Returns shapes of batches, counts of repeats, and what shuffling keeps or mixes."""
    options = lesson.options(__doc__, argv, uses_data=True)
    mnist = lesson.load("mnist", options)
    x, y = mnist.x_train, mnist.y_train

    slices = tf.data.Dataset.from_tensor_slices((x, y))
    # map works per sample: scale, and one-hot for the loss. Test labels would stay integers.
    train = slices.map(lambda x, y: (tf.cast(x, tf.float32) / 255.0, tf.one_hot(y, 10)))
    x_batch, y_batch = next(iter(train.shuffle(10000, seed=0).batch(128)))

    numbers = tf.data.Dataset.from_tensor_slices((tf.range(1000), 7 * tf.range(1000)))
    paired = all(int(b) == 7 * int(a) for a, b in numbers.shuffle(1000, seed=0))

    cifar = tf.data.Dataset.from_tensor_slices(
        (np.zeros((64, 32, 32, 3), "float32"), np.zeros((64, 10), "float32"))
    ).batch(32)
    x_cifar, y_cifar = next(iter(cifar))

    endless = int(cifar.repeat().cardinality()) == tf.data.INFINITE_CARDINALITY

    samples = tf.data.Dataset.range(1280)
    late = memberships(samples.batch(128).shuffle(10000))
    early = memberships(samples.shuffle(10000).batch(128))
    lab, steps = pieces(np.arange(1280), 128, shuffle=True)
    both = [lab.skip(epoch * steps).take(steps) for epoch in (0, 1)]
    epochs = [{frozenset(b.numpy().tolist()) for b in batches} for batches in both]

    rows = [
        ("a batch of images, shape", tuple(x_batch.shape), (128, 28, 28)),
        ("a batch of labels, shape", tuple(y_batch.shape), (128, 10)),
        ("x and y stay paired in shuffle", paired, True),
        ("CIFAR-shaped images, shape", tuple(x_cifar.shape), (32, 32, 32, 3)),
        ("CIFAR-shaped labels, shape", tuple(y_cifar.shape), (32, 10)),
        ("batches in repeat(3)", len(list(cifar.repeat(3))), 2 * 3),
        ("repeat() is endless", endless, True),
        ("batch, then shuffle: batches met again", len(late[0] & late[1]), "(its order)"),
        ("shuffle, then batch: batches met again", len(early[0] & early[1]), ""),
        ("the lab's pieces: batches met again", len(epochs[0] & epochs[1]), ""),
    ]
    return lesson.show(
        "T3 tf.data",
        rows,
        """The order of operations matters. After batch, shuffle moves whole batches: all ten
        batches come again in the next epoch, and the same 128 samples stay together forever.
        Shuffle samples first, with a buffer as long as the set. The lab's pieces permute the
        whole set by (seed, epoch).""",
    )


if __name__ == "__main__":
    main()
