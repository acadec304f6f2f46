"""The shipped configurations reach README's accuracies on the full data sets."""

import dataclasses

import pytest
from full_sets import source_of
from process import ROOT

from mlp_lab.options import flags
from mlp_lab.training import run

# Epoch -> range of the test accuracy: the five seeds of docs/results.md, widened by the spread
# between them.
RANGES = {
    "mnist_mse": {1: (0.10, 0.28), 10: (0.49, 0.59), 50: (0.76, 0.80)},
    "fashion_mnist": {1: (0.83, 0.86), 20: (0.882, 0.898)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RANGES)
def test_accuracy(name, tmp_path):
    config = flags.parse([f"--flagfile={ROOT}/configs/{name}.flags"])
    source = source_of(config.dataset)
    result = run(dataclasses.replace(config, seed=1000, log_dir=str(tmp_path), **source))
    assert result.finished
    for epoch, (low, high) in RANGES[name].items():
        assert low <= result.history["val_accuracy"][epoch - 1] <= high
