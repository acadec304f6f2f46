"""Initial values of weights, by name."""

from typing import Any

import keras


def get(identifier: Any) -> keras.initializers.Initializer:
    """Returns the initializer that `identifier` stands for.

    Args:
      identifier: `"truncated_normal_0.1"`, a normal distribution of mean 0 and
        standard deviation 0.1 whose draws beyond two standard deviations are
        drawn again (for raw gradient descent on small networks), or anything that
        `keras.initializers.get` takes. An instance is cloned: a shared instance
        would give equal values to all weights of one shape.

    Raises:
      ValueError: for an identifier that stands for no initializer.
    """
    if isinstance(identifier, str) and identifier == "truncated_normal_0.1":
        return keras.initializers.TruncatedNormal(mean=0.0, stddev=0.1)
    initializer = keras.initializers.get(identifier)
    return initializer.clone() if isinstance(identifier, keras.Initializer) else initializer
