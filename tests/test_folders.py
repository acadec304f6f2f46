"""Folders of TensorFlow's other file systems, tried with the one in memory, ram://."""

import copy
import os
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins import projector
from tensorboard.util import tensor_util

import mlp_lab
from mlp_lab.callbacks import Pictures, TensorBoard
from mlp_lab.errors import InputError
from mlp_lab.folders import Remote, folder, scheme_of
from mlp_lab.options.config import Config
from mlp_lab.pictures.projector import last_hidden
from mlp_lab.training.folder import RunFolder
from mlp_lab.writers import Writer


@pytest.fixture(autouse=True)
def _nothing_local(tmp_path, monkeypatch):
    """Nothing is written to the current folder."""
    monkeypatch.chdir(tmp_path)
    yield
    assert os.listdir(tmp_path) == []


def records(path):
    """Tag -> step -> value of the event files in a folder."""
    found = {}
    for file in sorted(tf.io.gfile.glob(f"{path}/events*")):
        for record in tf.data.TFRecordDataset(file):
            event = Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = tensor_util.make_ndarray(value.tensor)
    return found


def fitted(*callbacks, epochs=2):
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6, 6)).astype("float32"), np.arange(40) % 3
    model = mlp_lab.MLP((5,), 3)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callbacks = [make(x, y) for make in callbacks]
    model.fit(x, y, batch_size=8, epochs=epochs, validation_data=(x, y), verbose=0,
              callbacks=callbacks)  # fmt: skip
    return model, x


def test_events_are_written_to_another_file_system():
    fitted(lambda x, y: TensorBoard("ram://events/run", 1))
    assert list(records("ram://events/run/train")["weights/hidden_1/kernel"]) == [*range(10)]
    assert list(records("ram://events/run/validation")["epoch_loss"]) == [5, 10]


def test_pictures_and_the_projector_too():
    model, x = fitted(lambda x, y: Pictures("ram://pictures/run/", x, y))
    found = records("ram://pictures/run")
    assert {"pictures/confusion", "pictures/mistakes", "pr_curve/0"} <= {*found}
    with tf.io.gfile.GFile("ram://pictures/run/projector.tsv") as file:
        points = np.loadtxt(file.read().splitlines(), dtype="float32")
    np.testing.assert_array_equal(points, last_hidden(model, x))
    config = projector.ProjectorConfig()
    with tf.io.gfile.GFile("ram://pictures/run/projector_config.pbtxt") as file:
        text_format.Parse(file.read(), config)
    assert config.embeddings[0].tensor_path == "projector.tsv"
    with tf.io.gfile.GFile("ram://pictures/run/sprite.png", "rb") as file:
        assert file.read().startswith(b"\x89PNG")
    with tf.io.gfile.GFile("ram://pictures/run/metadata.tsv") as file:
        assert len(file.read().splitlines()) == 41


def test_a_writer_flushes_and_starts_a_new_file_there():
    writer = Writer("ram://writer")
    writer.flush()
    writer.scalars({"a": 1.0}, 0)
    writer.flush()
    assert records("ram://writer") == {"a": {0: 1.0}}
    writer.close()
    copy.deepcopy(writer).scalars({"a": 2.0}, 1)
    assert len(tf.io.gfile.glob("ram://writer/*")) == 2


def test_paths():
    run = folder("ram://a/b/")
    assert isinstance(run, Remote)
    assert str(run / "c") == os.fspath(run / "c") == "ram://a/b/c"
    assert (run / "c").name == "c"
    assert str(Remote("ram://") / "c") == "ram://c"
    assert pickle.loads(pickle.dumps(run)) == run
    assert run != folder("ram://a")
    assert folder(run) is run
    assert not run.exists()
    run.mkdir()
    (run / "c").write_bytes(b"\0\xff")
    assert (run / "c").exists()
    with tf.io.gfile.GFile("ram://a/b/c", "rb") as file:
        assert file.read() == b"\0\xff"
    for local in ("logs", "/a/b", "a:b/c", "C://x", "./ram://x", "my:/x", Path("x")):
        assert folder(local) == Path(local), local
        assert scheme_of(os.fspath(local)) is None


@pytest.mark.parametrize("make", [Writer, TensorBoard, lambda p: Pictures(p, [[1.0]], [0])])
def test_what_tensorflow_has_no_file_system_for_is_refused_at_once(make):
    with pytest.raises(
        ValueError, match=r"'s3x://b': TensorFlow has no file system for s3x://.*ram"
    ):
        make("s3x://b")
    with pytest.raises(ValueError, match=r"'ram:/b' is a local path; write ram://"):
        make(Path("ram://b"))


@pytest.mark.parametrize(
    "path", ["gs://bucket/logs", "ram://x", "s3://b", "gs:/bucket", "file:///x"]
)
def test_a_runs_folder_must_be_local(path):
    with pytest.raises(InputError, match=r"--log_dir: expected a local folder.*got") as caught:
        RunFolder(Config(log_dir=path))
    assert repr(path) in str(caught.value)
