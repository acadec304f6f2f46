"""Copies of callbacks: the same arguments, and nothing of what the original has done."""

import copy
import pickle

import events
import keras
import numpy as np
import pytest

import mlp_lab
from mlp_lab import probes
from mlp_lab.callbacks import Pictures, TensorBoard
from mlp_lab.writers import Writer

X = np.random.default_rng(0).random((40, 6, 6)).astype("float32")
Y = np.arange(40) % 3
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda callback: pickle.loads(pickle.dumps(callback)),
}


def fit(*callbacks):
    model = mlp_lab.MLP((5,), 3)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=list(callbacks))


class Deaf(TensorBoard):
    """A subclass with its own arguments and attributes."""

    def __init__(self, folder, words):
        super().__init__(folder, 2, layers="hidden", probes=[probes.Weights(), probes.Batch()])
        self.words = words


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_tensorboard(how, tmp_path):
    original = Deaf(tmp_path, ["a"])
    first = COPIES[how](original)
    fit(first)
    second = COPIES[how](first)
    assert second._model is None
    assert second.words == ["a"]
    before = events.read(tmp_path / "train")
    assert list(before["weights/hidden_1/kernel"]) == [0, 2, 4]
    assert not [tag for tag in before if "outputs" in tag]
    for path in (tmp_path / "train").iterdir():
        path.unlink()
    fit(second)
    assert {*events.read(tmp_path / "train")} == {*before}
    for path in (tmp_path / "train").iterdir():
        path.unlink()
    fit(original)
    assert {*events.read(tmp_path / "train")} == {*before}


def test_a_copy_made_during_a_fit_is_not_part_of_it(tmp_path):
    class Copying(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.copies = [copy.deepcopy(board), pickle.loads(pickle.dumps(pictures))]

    board = TensorBoard(tmp_path / "a", "auto", update_freq=2)
    pictures = Pictures(tmp_path / "b", X, Y)
    copying = Copying()
    fit(board, pictures, copying)
    first = {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    board, pictures = copying.copies
    fit(*copying.copies)
    # All that was there is as it was; the copies have files of their own.
    assert all(path.stat().st_size == size for path, size in first.items() if "event" in path.name)
    assert len([*tmp_path.rglob("events*")]) == 2 * len([p for p in first if "event" in p.name])


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("given", [str, Writer])
def test_copies_of_pictures(how, given, tmp_path):
    original = Pictures(given(str(tmp_path)), X, Y, class_names=("a", "b", "c"), freq=1)
    fit(original)
    again = COPIES[how](original)
    if given is Writer:
        original.writer.close()
    before = {*events.read(tmp_path)}
    assert {"pictures/first_images", "pr_curve/c"} <= before
    for path in tmp_path.glob("events*"):
        path.unlink()
    fit(again)
    again.writer.close()
    found = events.read(tmp_path)
    assert {*found} == before
    assert list(found["pictures/confusion"]) == [0, 5]
