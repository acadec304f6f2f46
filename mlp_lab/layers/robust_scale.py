"""Numbers of any size and spread as small ones."""

import keras
import numpy as np
from keras import ops

from mlp_lab.layers.checks import equally_long, numbers, positive

_LARGEST = float(np.finfo("float64").max)
# From here on, z / sqrt(1 + (z / clip)^2) is `clip` in every bit, and z^2 does not overflow.
_BEYOND = 1e8


@keras.saving.register_keras_serializable("mlp_lab.layers")
class RobustScale(keras.layers.Layer):
    """Centers numbers by the median, scales them by the quartiles, and clips them smoothly.

    Inputs [..., d] give outputs [..., d]: z / sqrt(1 + (z / clip)^2) with
    z = (inputs - centers) * scales, which is close to z near 0 and stays between -clip and clip.
    NaN counts as the center, and infinities as very large numbers, so outputs are always finite.
    Preprocessing of Holzmüller et al., Better by Default, 2024.

    It computes in float64: as float32, numbers such as 1,000,000,001 would lose their last digits
    before the center is subtracted. Float64 inputs are taken as they are.

    Args:
      centers: of each of the d columns; `from_data` takes the median.
      scales: of each column, at least 0; `from_data` takes 1 / (third quartile - first quartile),
        2 / (maximum - minimum) where the quartiles are equal, 0 where all numbers are.
      clip: bound of the outputs, above 0.

    Raises:
      ValueError: `centers` and `scales` have different lengths, or a number is not finite or out
        of range; in a call, the inputs do not have d columns.
    """

    def __init__(self, centers, scales, clip=3.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.centers, self.scales = numbers("centers", centers), numbers("scales", scales)
        equally_long(centers=self.centers, scales=self.scales)
        if any(scale < 0 for scale in self.scales):
            raise ValueError(f"scales: expected numbers of at least 0, got {min(self.scales)!r}")
        self.clip = positive("clip", clip)
        self.input_spec = keras.layers.InputSpec(axes={-1: len(self.centers)})

    @classmethod
    def from_data(cls, x, **options):
        """A layer for columns like these.

        Args:
          x: [n, d]; the statistics ignore what is not finite. A column without a finite number
            gets center and scale 0.
          options: further arguments.
        """
        found = [_center_and_scale(column) for column in np.asarray(x, "float64").T]
        return cls([center for center, _ in found], [scale for _, scale in found], **options)

    def call(self, inputs):
        x = ops.cast(inputs, "float64")
        centers, scales = (
            ops.convert_to_tensor(np.array(values), "float64")
            for values in (self.centers, self.scales)
        )
        x = ops.where(ops.isnan(x), centers, x)
        # Infinity times a scale of 0 would be NaN.
        z = ops.clip(x - centers, -_LARGEST, _LARGEST) * scales
        z = ops.clip(z, -_BEYOND * self.clip, _BEYOND * self.clip)
        return ops.cast(z / ops.sqrt(1 + ops.square(z / self.clip)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "centers": self.centers,
            "scales": self.scales,
            "clip": self.clip,
        }


def _center_and_scale(column):
    """Median, and the factor that makes the distance of the quartiles 1."""
    values = column[np.isfinite(column)]
    if not len(values):
        return 0.0, 0.0
    # The difference of very large numbers would overflow.
    unit = 0.25 if np.abs(values).max() > _LARGEST / 4 else 1.0
    low, first, center, third, high = np.percentile(values * unit, [0, 25, 50, 75, 100])
    spread, wanted = (third - first, 1.0) if third > first else (high - low, 2.0)
    with np.errstate(over="ignore", divide="ignore"):  # denormal spreads, and 0
        scale = min(wanted * unit / spread, _LARGEST) if spread > 0 else 0.0
    return float(center / unit), float(scale)
