"""The shipped configurations reach README's accuracies on the full data sets."""

import os
from pathlib import Path

import pytest
from process import ROOT

from mlp_lab import data, flags
from mlp_lab.errors import InputError
from mlp_lab.training import run

# Epoch -> range of the test accuracy. README's five seeds, widened by the spread between them.
RANGES = {
    "mnist_mse": {1: (0.10, 0.28), 10: (0.49, 0.59), 50: (0.76, 0.80)},
    "fashion_mnist": {1: (0.83, 0.86), 20: (0.882, 0.898)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RANGES)
def test_accuracy(name, tmp_path):
    config = flags.parse([f"--flagfile={ROOT}/configs/{name}.flags"])
    options = [f"--log_dir={tmp_path}", "--seed=1000", "--verbose=line"]
    if folder := os.environ.get("MLP_LAB_TEST_DATA"):
        options.append(f"--data_dir={Path(folder, config.dataset)}")
    else:
        try:
            data.load(config.dataset, "keras_cache")
        except InputError:
            pytest.skip("no full set in the Keras cache, and MLP_LAB_TEST_DATA is not set")
        options.append("--data_source=keras_cache")
    result = run(flags.parse([f"--flagfile={ROOT}/configs/{name}.flags", *options]))
    assert result.finished
    for epoch, (low, high) in RANGES[name].items():
        assert low <= result.history["val_accuracy"][epoch - 1] <= high
