"""Labels and outputs for losses and metrics."""

from typing import Any

import numpy as np

_ROWS = 12


def pair(
    block: Any,
    labels: Any,
    outputs: Any,
    output_shape: tuple[int, ...],
    from_logits: bool | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """The given labels and outputs, or random ones in the form that the block expects.

    Random outputs are logits, or probabilities that sum to 1. Random labels are class
    indices if the block's `label_form` is "integer", otherwise one-hot.

    Returns:
      Labels, outputs, and whether the outputs are logits: `from_logits`, or if it is None
      the block's attribute of that name.
    """
    if from_logits is None:
        from_logits = bool(getattr(block, "from_logits", False))
    if outputs is None:
        rows = _ROWS if labels is None else len(labels)
        logits = rng.normal(0, 2, (rows, *output_shape))
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        outputs = logits if from_logits else powers / powers.sum(axis=-1, keepdims=True)
    outputs = np.asarray(outputs)
    if outputs.dtype == "float64":
        outputs = outputs.astype("float32")
    if labels is None:
        shape, size = outputs.shape[:-1], outputs.shape[-1]
        labels = rng.integers(0, 2, shape)
        if size > 1:
            # Most of the first samples and few of the last are right, so that wrong averaging
            # shows.
            wrong = rng.integers(1, size, shape)
            wrong[[i for i in range(len(outputs)) if i < 3 or i % 4 == 0]] = 0
            labels = (outputs.argmax(axis=-1) + wrong) % size
        if getattr(block, "label_form", "one_hot") != "integer":
            one_hot = np.eye(size, dtype="float32")
            labels = one_hot[labels] if size > 1 else labels[..., None].astype("float32")
    labels = np.asarray(labels)
    if len(labels) != len(outputs) or len(outputs) < 3:
        raise ValueError(
            "expected labels and outputs of the same number of samples, at least 3, got "
            f"{len(labels)} and {len(outputs)}"
        )
    return labels, outputs, from_logits
