"""Initial values of weights, by name."""

from typing import Any

import keras


def get(identifier: Any) -> keras.initializers.Initializer:
    """Returns the initializer for an identifier.

    Args:
      identifier: `"truncated_normal_0.1"`, a normal distribution of mean 0 and
        standard deviation 0.1 that redraws values beyond two standard deviations
        (for plain gradient descent on small networks), or anything that
        `keras.initializers.get` accepts. Instances are cloned: a shared one would
        give equal values to all weights of the same shape.

    Raises:
      ValueError: the identifier is not a known initializer.
    """
    if isinstance(identifier, str) and identifier == "truncated_normal_0.1":
        return keras.initializers.TruncatedNormal(mean=0.0, stddev=0.1)
    initializer = keras.initializers.get(identifier)
    return initializer.clone() if isinstance(identifier, keras.Initializer) else initializer
