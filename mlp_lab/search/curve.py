"""The curve of the loss over a rising learning rate: smoothing, and where it falls fastest."""

import numpy as np

SMOOTHING = 0.8
"""How much of the mean so far each step keeps."""

# Points on both sides over which a slope is taken.
_REACH = 2


def smoothed(losses: np.ndarray, keep: float = SMOOTHING) -> np.ndarray:
    """A running mean that is corrected for its start, as Adam corrects its own.

    m_k = keep m_(k-1) + (1 - keep) l_k from m_(-1) = 0; returned is m_k / (1 - keep^(k+1)).
    After a loss that is not finite, all are infinite.

    Args:
      losses: [..., n].
      keep: from 0 to below 1.
    """
    losses = np.asarray(losses, float)
    mean, found = np.zeros(losses.shape[:-1]), np.empty_like(losses)
    with np.errstate(invalid="ignore", over="ignore"):
        for k in range(losses.shape[-1]):
            mean = keep * mean + (1 - keep) * losses[..., k]
            found[..., k] = mean / (1 - keep ** (k + 1))
    return np.where(np.isfinite(found), found, np.inf)


def steepest(rates: np.ndarray, curve: np.ndarray) -> int | None:
    """Where a smoothed curve falls fastest over the logarithm of the rate, before its minimum.

    The slope at a point is that of the line through the points two before and two after it.

    Returns:
      The index; None if the curve does not fall.
    """
    last = int(np.argmin(curve))
    x = np.log10(rates)
    slopes = {
        i: (curve[i + _REACH] - curve[i - _REACH]) / (x[i + _REACH] - x[i - _REACH])
        for i in range(_REACH, len(curve) - _REACH)
        if i <= last and np.isfinite(curve[i + _REACH])
    }
    best = min(slopes, key=slopes.__getitem__, default=None)
    return best if best is not None and slopes[best] < 0 else None
