"""The tutorial's sections as lessons that run."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from process import ROOT, environment

FOLDER = ROOT / "examples" / "tutorial"
LESSONS = sorted(path.stem for path in FOLDER.glob("t[0-9][0-9]_*.py"))


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a lesson on the bundled sample; what it measured, and what it printed."""
    monkeypatch.syspath_prepend(FOLDER)

    def run(name):
        measured = importlib.import_module(name).main([])
        return measured, capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_prints_what_it_measures_beside_the_tutorial(name, run):
    measured, out = run(name)
    assert "quantity" in out
    assert "tutorial" in out
    for quantity in measured:
        assert quantity in out


def test_t01_and_t02(run):
    measured, _ = run("t01_data")
    assert measured["images, shape"] == (7000, 28, 28)
    assert (measured["images, least"], measured["images, greatest"]) == (0, 255)
    assert (measured["labels, least"], measured["labels, greatest"]) == (0, 9)
    measured, _ = run("t02_preprocessing")
    np.testing.assert_array_equal(measured["label 5, depth 10"], np.eye(10)[5])
    assert measured["pixels / 255, greatest"] == 1


def test_t03_batches_stay_together_only_if_shuffled_late(run):
    measured, _ = run("t03_tf_data")
    assert measured["batch, then shuffle: batches met again"] == 10
    assert measured["shuffle, then batch: batches met again"] == 0
    assert measured["the lab's pieces: batches met again"] == 0


def test_t04_raw_variables_and_the_model_end_with_equal_weights(run):
    measured, _ = run("t04_raw_variables")
    assert measured["greatest difference of weights"] < 1e-6
    assert measured["second gradient after w = w - lr * g"] is None
    assert np.isnan(measured["loss with stddev 1, last step"])


def test_a_lesson_is_a_command(tmp_path):
    done = subprocess.run(
        [sys.executable, str(FOLDER / "t01_data.py"), "--seed=1"],
        cwd=tmp_path, env={**environment(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "T1 MNIST" in done.stdout
    assert done.stderr == ""
