"""A `fit` on several workers, in plain Keras or ours; a process of `benchmarks/scaling.py`.

    python fit_on_workers.py {keras,ours}

Reads TF_CONFIG. Prints the result, or the error and the function of Keras that raised it.
"""

import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))


def main(whose: str) -> None:
    """Trains a small network for two epochs and prints its last loss."""
    import keras
    import numpy as np
    import tensorflow as tf

    import mlp_lab

    keras.config.disable_traceback_filtering()

    class Ours(mlp_lab.GlassBox, keras.Sequential):
        """A Sequential with the explicit step."""

    random = np.random.default_rng(0)
    x, y = random.normal(size=(256, 8)).astype("float32"), random.integers(0, 3, 256)
    cls = Ours if whose == "ours" else keras.Sequential
    with tf.distribute.MultiWorkerMirroredStrategy().scope():
        model = cls([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    try:
        history = model.fit(x, y, batch_size=32, epochs=2, verbose=0).history
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        where = next(frame.name for frame in reversed(frames) if "/keras/" in frame.filename)
        print(f"{type(error).__name__} in {where}: {' '.join(str(error).split())[:60]}...")
        sys.exit(1)
    print(f"trained, loss {history['loss'][-1]:.4f}")


if __name__ == "__main__":
    main(sys.argv[1])
