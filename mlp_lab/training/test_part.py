"""The test part, read once when a run has ended."""

import numpy as np

from mlp_lab.training.setup import Setup


def tested_at_end(setup: Setup) -> dict[str, dict[str, float]]:
    """The figures of a test part that was left for the end, beside those of knowing nothing."""
    if not setup.held_out:
        return {}
    size = min(setup.config.batch_size, len(setup.test[0]))
    found = setup.model.evaluate(*setup.test, batch_size=size, verbose=0, return_dict=True)
    data = setup.dataset
    baseline = data.task.baseline(np.asarray(data.y_train[:]), np.asarray(data.y_test[:]))
    return {"test": found, "baseline": {n: baseline[n] for n in found if n in baseline}}
