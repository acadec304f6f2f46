"""Precision and recall of a class at every threshold."""

import numpy as np


def pr_curve(truth: np.ndarray, scores: np.ndarray, thresholds: int = 201) -> np.ndarray:
    """Counts, precision and recall of "score >= t" for t = 0 ... 1.

    t_i = i / (thresholds - 1); precision = TP / (TP + FP), recall = TP / (TP + FN), each
    0 where its denominator is 0.

    Args:
      truth: bool [n].
      scores: float [n], from 0 to 1.
      thresholds: at least 2.

    Returns:
      float64 [6, thresholds]: true positives, false positives, true negatives, false
      negatives, precision, recall.
    """
    steps = np.arange(thresholds) / (thresholds - 1)
    found = np.sort(scores[truth].astype(np.float64))
    other = np.sort(scores[~truth].astype(np.float64))
    fn, tn = (np.searchsorted(side, steps, side="left") for side in (found, other))
    tp, fp = len(found) - fn, len(other) - tn
    precision = tp / np.maximum(tp + fp, 1)
    recall = tp / np.maximum(tp + fn, 1)
    return np.stack([tp, fp, tn, fn, precision, recall]).astype(np.float64)
