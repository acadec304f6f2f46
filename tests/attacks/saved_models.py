"""Saved models: files that others made, and saving that is cut off."""

import contextlib
import io
import json
import os
import re
import signal
import time
import zipfile

import h5py
import keras
import numpy as np
from process import environment, popen

import mlp_lab
from attacks.attack import attack
from mlp_lab.models.saving import save_in_place

_WEIGHTS = "model.weights.h5"


def _members(home):
    """The members of a small saved model."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save(home / "small.keras")
    with zipfile.ZipFile(home / "small.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _pack(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _refused(path, words=""):
    """load_model refuses the file with its one error, within seconds and in little memory."""
    began = time.process_time()
    try:
        mlp_lab.load_model(path)
    except mlp_lab.models.ModelFileError as error:
        told = str(error)
    else:
        raise AssertionError(f"{path.name} was loaded")
    assert path.name in told
    assert re.search(words, told), told
    assert "\n" not in told
    assert time.process_time() - began < 10, path.name


def _hdf5(**options):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/dense/vars/0", (150_000_000,), "f4", **options)
    return content.getvalue()


@attack
def archives_that_unpack_to_much(home):
    """A saved model that unpacks to many times its size is refused before that."""
    members = _members(home)
    zeros = bytes(600_000_000)
    cases = {
        "asset": {"assets/x": zeros},
        "weights": {_WEIGHTS: members[_WEIGHTS] + zeros},
        "config": {"config.json": members["config.json"] + b" " * 600_000_000},
        "many": {f"assets/{n}": zeros[:2_000_000] for n in range(50)},
        "chunks": {_WEIGHTS: _hdf5(chunks=(1_000_000,), compression="gzip")},
        "sparse": {_WEIGHTS: _hdf5()},
    }
    for name, changed in cases.items():
        path = home / f"{name}.keras"
        _pack(path, {**members, **changed})
        assert path.stat().st_size < 1_000_000
        _refused(path, "claim to")


@attack
def configs_of_huge_models(home):
    """A saved model whose config asks for more weights than it holds is refused."""
    members = _members(home)
    config = members["config.json"].decode()
    huge = {"units": '"units": 300000000', "large": '"units": 100000000000000000000'}
    for name, units in huge.items():
        changed = re.sub('"units": 3\\b', units, config)
        assert changed != config
        _pack(home / f"{name}.keras", {**members, "config.json": changed})
        _refused(home / f"{name}.keras", "variables would take")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(home / "old.h5")
    with h5py.File(home / "old.h5", "a") as file:
        text = re.sub('"units": 3\\b', '"units": 300000000', file.attrs["model_config"])
        file.attrs["model_config"] = text
    _refused(home / "old.h5", "variables would take")
    with h5py.File(home / "old.h5", "a") as file:
        file.create_dataset("model_weights/x", (2**40,), "f4", chunks=(1024,))
    _refused(home / "old.h5", "claim to hold")


@attack
def files_that_are_no_models(home):
    """Whatever else is given to load_model raises its one documented error."""
    members = _members(home)
    deep = b"[" * 500_000 + b"]" * 500_000
    nested = json.loads(members["config.json"])
    for _ in range(60):
        nested = {**nested, "config": {**nested["config"], "layers": [nested]}}
    for name, config in {"deep": deep, "null": b"null", "cut": b"{", "list": b"[]",
                         "nested": json.dumps(nested).encode()}.items():  # fmt: skip
        _pack(home / f"{name}.keras", {**members, "config.json": config})
        _refused(home / f"{name}.keras")
    _pack(home / "bzip2.keras", members, zipfile.ZIP_BZIP2)
    _pack(home / "garbled.keras", {**members, _WEIGHTS: b"x" * 1000})
    _pack(home / "empty.keras", {})
    for name in ("nothing.keras", "nothing.h5", "nothing.txt"):
        (home / name).write_bytes(b"")
    (home / "folder.keras").mkdir()
    os.mkfifo(home / "pipe.keras")
    os.mkfifo(home / "pipe.h5")
    (home / "device.keras").symlink_to("/dev/zero")
    (home / "loop.keras").symlink_to("loop.keras")
    for name in (
        *("bzip2.keras", "garbled.keras", "empty.keras", "nothing.keras", "nothing.h5"),
        *("nothing.txt", "folder.keras", "pipe.keras", "pipe.h5", "device.keras", "loop.keras"),
        *("missing.keras", "x" * 300 + ".keras"),
    ):
        _refused(home / name)


@attack
def garbled_models(home):
    """A saved model with changed or missing bytes is loaded, or refused with the one error."""
    _members(home)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save(home / "small.h5")
    random = np.random.default_rng(0)
    for name in ("small.keras", "small.h5"):
        whole = (home / name).read_bytes()
        for number in range(60):
            garbled = np.frombuffer(whole, np.uint8).copy()
            garbled[random.integers(0, len(whole), 3)] = random.integers(0, 256, 3)
            length = random.integers(0, len(whole)) if number % 3 == 0 else len(whole)
            path = home / f"garbled_{name}"
            path.write_bytes(garbled.tobytes()[:length])
            with contextlib.suppress(mlp_lab.models.ModelFileError):
                mlp_lab.load_model(path)


@attack(quick=True)
def honest_models_load(home):
    """A model that was trained, or packed again by others, is loaded with the same weights."""
    model = mlp_lab.MLP((300, 200), 3)
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 50)), np.zeros((4, 3)), verbose=0)
    model.save(home / "model.keras")
    with zipfile.ZipFile(home / "model.keras") as archive:
        _pack(home / "packed.keras", {n: archive.read(n) for n in archive.namelist()})
    for name in ("model.keras", "packed.keras"):
        loaded = mlp_lab.load_model(home / name)
        for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


_SAVES = """
import sys
import keras, numpy as np
import mlp_lab
class Net(mlp_lab.GlassBox, keras.Sequential):
    pass
model = Net([keras.Input((500,)), keras.layers.Dense(1000)])
model.save("model.keras")
model.save("model.h5")
model.save_weights("model.weights.h5")
open("started", "w").close()
while True:
    model.save("model.keras")
    model.save("model.h5")
    model.save_weights("model.weights.h5")
"""


@attack
def kills_while_saving(home):
    """However often a process is killed while it saves, there is a whole file of that name."""
    (home / "saves.py").write_text(_SAVES)
    random = np.random.default_rng(1)
    fresh = keras.Sequential([keras.Input((500,)), keras.layers.Dense(1000)])
    for _ in range(8):
        (home / "started").unlink(missing_ok=True)
        process = popen("saves.py", env=environment(home), cwd=home)
        while not (home / "started").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        net = {"Net": keras.Sequential}
        for name in ("model.keras", "model.h5"):
            mlp_lab.load_model(home / name, custom_objects=net)
        fresh.load_weights(home / "model.weights.h5")
    model = mlp_lab.MLP((4,), 3)
    model(np.zeros((1, 4), "float32"))
    for name in ("model.keras", "model.weights.h5"):
        (model.save if name == "model.keras" else model.save_weights)(home / name)
    left = [path.name for path in home.glob(".model.*") if not path.name.endswith("tmp.h5")]
    assert left == []  # what killed processes left has been removed


@attack
def links_where_a_model_is_saved(home):
    """Saving follows a user's link and keeps it; a run's model replaces a link."""
    model = mlp_lab.MLP((4,), 3)
    model(np.zeros((1, 4), "float32"))
    (home / "elsewhere").mkdir()
    link, target = home / "model.keras", home / "elsewhere" / "target.keras"
    link.symlink_to(target)
    model.save(link)
    assert link.is_symlink()
    mlp_lab.load_model(target)
    target.write_text("of others")
    save_in_place(model, link)
    assert not link.is_symlink()
    assert target.read_text() == "of others"
    mlp_lab.load_model(link)
    link.unlink()
    os.mkfifo(link)
    save_in_place(model, link)
    mlp_lab.load_model(link)


@attack
def saving_that_fails(home):
    """A save that fails leaves the file of before, and no other."""
    model = mlp_lab.MLP((4,), 3)
    model(np.zeros((1, 4), "float32"))
    path = home / "model.keras"
    model.save(path)
    before = path.read_bytes()

    class Broken(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

        def save_own_variables(self, store):
            raise OSError(28, "No space left on device")

    broken = Broken()
    broken(np.zeros((1, 4), "float32"))
    try:
        broken.save(path)
    except OSError:
        pass
    else:
        raise AssertionError("it was saved")
    assert path.read_bytes() == before
    assert os.listdir(home) == ["model.keras"]
