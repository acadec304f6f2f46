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
    """The given labels and outputs, or random ones of the form that the block takes.

    Outputs are logits, or probabilities that sum to 1; labels are class indices where the
    block's `label_form` is "integer", else one-hot.

    Returns:
      Labels, outputs, and whether these are logits: where `from_logits` does not say, the
      block's attribute of that name does.
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
            # Most of the first and few of the last are right, so that it matters how they are
            # averaged.
            wrong = rng.integers(1, size, shape)
            wrong[[i for i in range(len(outputs)) if i < 3 or i % 4 == 0]] = 0
            labels = (outputs.argmax(axis=-1) + wrong) % size
        if getattr(block, "label_form", "one_hot") != "integer":
            one_hot = np.eye(size, dtype="float32")
            labels = one_hot[labels] if size > 1 else labels[..., None].astype("float32")
    labels = np.asarray(labels)
    if len(labels) != len(outputs) or len(outputs) < 3:
        raise ValueError(
            "expected labels and outputs of at least 3 samples and as many of each, got "
            f"{len(labels)} and {len(outputs)}"
        )
    return labels, outputs, from_logits
