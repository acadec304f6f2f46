"""What evaluation computes from labels and probabilities, in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Of the normal distribution, for 95 %.
_Z = 1.959963984540054
# Cells of resampled rows that are held at once.
_AT_ONCE = 2**22

Interval = tuple[float, float]


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of correct predictions, of confusion matrices [..., classes, classes]."""
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))


def recall(counts: np.ndarray) -> np.ndarray:
    """Of each class the share that is found; NaN for one without rows. [..., classes]"""
    with np.errstate(invalid="ignore"):
        return np.diagonal(counts, axis1=-2, axis2=-1) / counts.sum(axis=-1)


def precision(counts: np.ndarray) -> np.ndarray:
    """Of predictions of each class the correct share; 0 without any, as in scikit-learn."""
    predicted = counts.sum(axis=-2)
    return np.diagonal(counts, axis1=-2, axis2=-1) / np.maximum(predicted, 1)


def f1(counts: np.ndarray) -> np.ndarray:
    """2 tp / (2 tp + fp + fn) of each class; 0 where that is 0 / 0."""
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    return 2 * np.diagonal(counts, axis1=-2, axis2=-1) / np.maximum(both, 1)


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """The mean recall of the classes that have rows."""
    found = recall(counts)
    return np.nansum(found, axis=-1) / np.maximum((~np.isnan(found)).sum(axis=-1), 1)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """The mean F1 of the classes that are true or predicted in a row."""
    present = (counts.sum(axis=-1) + counts.sum(axis=-2)) > 0
    return (f1(counts) * present).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """-log p(label) of each row; p is at least 1e-300."""
    p = probabilities[np.arange(len(labels)), labels]
    return -np.log(np.maximum(p, 1e-300))


def wilson(successes: float, rows: float) -> Interval:
    """The 95 % score interval of a share (Wilson, 1927); (0, 1) without rows."""
    if not rows:
        return 0.0, 1.0
    share, z = successes / rows, _Z
    center = share + z * z / (2 * rows)
    half = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    scale = 1 + z * z / rows
    # At the ends the formula gives exactly 0 and 1, but for rounding.
    low = float((center - half) / scale) if successes > 0 else 0.0
    high = float((center + half) / scale) if successes < rows else 1.0
    return low, high


def bootstrap_mean(values: np.ndarray, samples: int, seed: int) -> Interval:
    """The 95 % bootstrap-t interval of a mean over rows that are drawn anew, with replacement.

    m - s q, where s is the standard error and q are the quantiles of (m* - m) / s* over samples.
    Losses are skewed; percentiles of m* alone would cover the truth too rarely (Efron and
    Tibshirani, An Introduction to the Bootstrap, 12.5).
    """
    random, n = np.random.default_rng(seed), len(values)
    mean, error = float(values.mean()), float(values.std() / np.sqrt(n))
    found: list[np.ndarray] = []
    step = max(_AT_ONCE // n, 1)
    for start in range(0, samples, step):
        drawn = values[random.integers(0, n, (min(step, samples - start), n))]
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append((drawn.mean(axis=1) - mean) / (drawn.std(axis=1) / np.sqrt(n)))
    ratios = np.concatenate(found)
    ratios = ratios[np.isfinite(ratios)]  # of equal values there is no spread
    if not error or not ratios.size:
        return mean, mean
    low, high = np.percentile(ratios, (2.5, 97.5))
    return mean - error * float(high), mean - error * float(low)


def bootstrap_counts(
    counts: np.ndarray, score: Callable[[np.ndarray], np.ndarray], samples: int, seed: int
) -> Interval:
    """The same for a score of the confusion matrix.

    Drawing rows anew draws the matrix' cells from a multinomial distribution: the score depends on
    nothing else.
    """
    n, random = int(counts.sum()), np.random.default_rng(seed)
    drawn = random.multinomial(n, counts.ravel() / n, samples)
    return _percentiles(score(drawn.reshape(samples, *counts.shape)))


def reliability(
    correct: np.ndarray, confidence: np.ndarray, bins: int = 15
) -> tuple[list[dict[str, float]], float]:
    """The reliability table and the expected calibration error, sum n_b / n |acc_b - conf_b|.

    Bins of equal width of the probability of the predicted class (Guo et al., 2017). Bins
    without rows are left out.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    table, error = [], 0.0
    for b in range(bins):
        inside = place == b
        rows = int(inside.sum())
        if not rows:
            continue
        share, mean = float(correct[inside].mean()), float(confidence[inside].mean())
        error += rows / len(correct) * abs(share - mean)
        table.append(
            {"from": b / bins, "to": (b + 1) / bins, "rows": rows, "confidence": mean,
             "accuracy": share}
        )  # fmt: skip
    return table, error


def _percentiles(values: np.ndarray) -> Interval:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
