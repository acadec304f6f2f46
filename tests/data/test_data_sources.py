"""Which source is used, in which order, and what is said about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlp_lab.data
from mlp_lab.data import ARRAY_NAMES, SOURCES, Dataset, catalogue, keras_cache, load, sources
from mlp_lab.data.dataset import content_sha256
from mlp_lab.errors import InputError, near_miss

REPOSITORY = Path(mlp_lab.data.__file__).parents[2]
NAMES = ("mnist", "fashion_mnist")


def heard(name: str, source: str = "auto") -> tuple[Dataset, list[str]]:
    said: list[str] = []
    dataset = load(name, source=source, say=said.append)
    assert tuple(said) == dataset.origin.notes
    return dataset, said


def wrong(option: str, name: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(name, say=lambda _: None, **options)
    assert caught.value.option == option
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_order_without_a_network(world, make: SimpleNamespace, name: str) -> None:
    """From the last source to the first: each one added takes precedence."""
    dataset, said = heard(name)
    assert dataset.origin.kind == "sample"
    assert len(said) == 1
    make.folder(world.installed[name], world.arrays[name], "")
    dataset, said = heard(name)
    assert dataset.origin.kind == "installed"
    assert said == []
    assert dataset.origin.location == str(world.installed[name])
    world.fill_cache(name)
    dataset, said = heard(name)
    assert dataset.origin.kind == "keras_cache"
    assert said == []
    assert dataset.origin.published
    np.testing.assert_array_equal(dataset.x_test, world.arrays[name]["x_test"])
    location = world.cached(name)[0]
    assert dataset.origin.location == str(location if name == "mnist" else location.parent)
    assert load(name, source="installed").origin.kind == "installed"
    folder = make.folder(world.home / "mine", world.arrays[name])
    assert load(name, data_dir=folder).origin.kind == "data_dir"


def test_no_network_is_said_within_seconds(world) -> None:
    start = time.monotonic()
    dataset, said = heard("mnist")
    assert time.monotonic() - start < 5
    assert dataset.origin.rows == {"train": 7000, "test": 2000}
    assert not dataset.origin.published
    assert said == [
        f"mnist: not in the Keras cache ({world.home / 'datasets' / 'mnist.npz'}); not installed "
        f"with the system ({world.installed['mnist']}); no network (storage.googleapis.com "
        "through the proxy 127.0.0.1:1: Connection refused); using the bundled sample: 7,000 "
        "training and 2,000 test images of the full 30 and 20. Accuracy will be lower than on "
        "the full set. For the full set: --data_dir=FOLDER, or connect to the network"
    ]
    assert "secret" not in said[0]  # A proxy's password is nobody's business.
    assert list(world.home.iterdir()) == []  # Nothing is created for a download that is not.


def test_the_record_is_json(world) -> None:
    record = load("fashion_mnist", say=lambda _: None).origin.as_record()
    assert json.loads(json.dumps(record)) == record
    assert set(record) == {
        *("kind", "location", "sha256", "published", "rows", "notes", "splits"),
    }
    assert tuple(record["sha256"]) == ARRAY_NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_cache_is_said_and_passed_over(world, make, name: str) -> None:
    world.fill_cache(name)
    broken = world.cached(name)[0]
    broken.write_bytes(broken.read_bytes()[:-200])
    make.folder(world.installed[name], world.arrays[name])
    dataset, said = heard(name)
    assert dataset.origin.kind == "installed"
    assert len(said) == 1
    assert f"{name}: the copy in the Keras cache is damaged and not used: {broken}: " in said[0]
    text = wrong("data_source", name, source="keras_cache")
    assert f"keras_cache: {broken}: " in text
    assert "remove it or use --data_source=auto" in text


def test_a_cache_with_other_content_is_not_used(world, make) -> None:
    """Well-formed, but not what was published: one pixel differs."""
    arrays = {key: array.copy() for key, array in world.arrays["mnist"].items()}
    arrays["x_test"][3, 14, 14] ^= 1
    path = world.cached("mnist")[0]
    path.parent.mkdir()
    path.write_bytes(make.npz_bytes(arrays))
    dataset, said = heard("mnist")
    assert dataset.origin.kind == "sample"
    assert f"{path}: the content of x_test is not that of the published mnist" in said[0]
    assert said[1].startswith("mnist: the copy in the Keras cache is damaged; not installed")


def test_an_incomplete_cache(world) -> None:
    world.fill_cache("fashion_mnist")
    world.cached("fashion_mnist")[1].unlink()
    text = wrong("data_source", "fashion_mnist", source="keras_cache")
    assert "lacks train-labels-idx1-ubyte.gz" in text


def test_a_damaged_installed_set(world, make) -> None:
    folder = make.folder(world.installed["mnist"], world.arrays["mnist"])
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"rubbish!")
    dataset, said = heard("mnist")
    assert dataset.origin.kind == "sample"
    assert "the copy installed with the system is damaged and not used" in said[0]
    assert "bad magic number" in wrong("data_source", "mnist", source="installed")
    for path in folder.iterdir():
        path.unlink()
    assert "is an empty directory" in wrong("data_source", "mnist", source="installed")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("keras_cache", "keras_cache: mnist: not in the Keras cache ("),
        ("installed", "installed: mnist: not installed with the system ("),
        ("download", "download: mnist: no network (storage.googleapis.com"),
    ],
)
def test_a_pinned_source_never_falls_back(world, source: str, reason: str) -> None:
    text = wrong("data_source", "mnist", source=source)
    assert reason in text
    assert "use --data_source=auto, or --data_dir=FOLDER" in text


def test_a_pinned_sample(world) -> None:
    world.fill_cache("mnist")
    dataset, said = heard("mnist", "sample")
    assert dataset.origin.kind == "sample"
    assert said[0].startswith("mnist: using the bundled sample: 7,000 training")
    assert "network" not in said[0]


def test_a_damaged_sample_is_an_error(world, make, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sources, "SAMPLE_DIR", tmp_path)
    assert "does not exist; this installation is damaged" in wrong("data_source", "mnist")
    (tmp_path / "mnist.npz").write_bytes(make.npz_bytes(make.arrays(9)))
    text = wrong("data_source", "mnist", source="sample")
    assert "the content of x_train is not that of the bundled sample of mnist" in text


def test_wrong_options(world, tmp_path) -> None:
    assert wrong("dataset", "Fashion-MNIST").endswith(
        "unknown data set 'Fashion-MNIST'; allowed: mnist, fashion_mnist "
        "(did you mean 'fashion_mnist'?)"
    )
    assert "did you mean" not in wrong("dataset", "cifar10")
    assert "(did you mean 'keras_cache'?)" in wrong("data_source", "mnist", source="keras-cach")
    assert ", ".join(SOURCES) in wrong("data_source", "mnist", source="web")
    assert "needs a folder; give --data_dir" in wrong("data_source", "mnist", source="data_dir")
    for source in set(SOURCES) - {"auto", "data_dir"}:
        text = wrong("data_dir", "mnist", source=source, data_dir=tmp_path)
        assert f"--data_source={source}" in text


def test_near_miss() -> None:
    assert near_miss("mnst", NAMES) == " (did you mean 'mnist'?)"
    assert near_miss("FASHION-MNIST", NAMES) == " (did you mean 'fashion_mnist'?)"
    assert near_miss("imagenet-21k", NAMES) == ""
    assert near_miss("", NAMES) == near_miss("x", ()) == ""


def test_default_says_to_the_console(world, capsys) -> None:
    load("mnist")
    assert "using the bundled sample" in capsys.readouterr().out


def test_cache_homes(tmp_path, monkeypatch) -> None:
    fallback = Path("/tmp/.keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "not" / "yet"))
    assert keras_cache.keras_homes() == (tmp_path / "not" / "yet",)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    assert keras_cache.keras_homes() == (tmp_path / "file", fallback)
    monkeypatch.setenv("KERAS_HOME", "")
    assert keras_cache.keras_homes() == (fallback,)
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keras_cache.keras_homes() == (tmp_path / ".keras",)
    monkeypatch.setenv("HOME", str(tmp_path / "absent"))
    assert keras_cache.keras_homes() == (fallback,)


def test_the_second_home_is_read_too(world, make, tmp_path, monkeypatch) -> None:
    """A read-only home may hold one data set, Keras' fall-back folder another."""
    second = tmp_path / "second"
    monkeypatch.setattr(keras_cache, "_fallback_home", lambda: second)
    monkeypatch.setattr(keras_cache, "_writable", lambda home: False)
    path = second / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(world.contents("mnist")["mnist.npz"])
    assert load("mnist", source="keras_cache").origin.location == str(path)
    world.fill_cache("mnist")
    first = world.cached("mnist")[0]
    assert load("mnist", source="keras_cache").origin.location == str(first)
    first.write_bytes(b"")
    assert load("mnist", source="keras_cache").origin.location == str(path)
    path.write_bytes(b"")
    assert f"keras_cache: {first}: " in wrong("data_source", "mnist", source="keras_cache")


def test_cache_home_is_that_of_keras(tmp_path) -> None:
    """Keras' own module, run anew for each environment, must agree."""
    program = (
        "import json, os, runpy, sys\n"
        "import keras.src.backend.config as config\n"
        "from mlp_lab.data.keras_cache import keras_homes\n"
        "os.makedirs = lambda *_, **__: None  # Keras would create each home.\n"
        "for change in json.loads(sys.argv[1]):\n"
        "    os.environ.pop('KERAS_HOME', None)\n"
        "    os.environ.update(change)\n"
        "    ours = str(keras_homes()[0])\n"
        "    theirs = runpy.run_path(config.__file__)['_KERAS_DIR']\n"
        "    print(ours == os.path.expanduser(theirs), ours)\n"
    )
    changes = [
        {"KERAS_HOME": str(tmp_path / "a")},
        {"KERAS_HOME": "~/b", "HOME": str(tmp_path)},
        {"HOME": str(tmp_path)},
        {"HOME": str(tmp_path / "absent")},
    ]
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(changes)],
        cwd=REPOSITORY,
        env={**os.environ, "KERAS_HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("True", str(tmp_path / "a")),
        *("True", str(tmp_path / "b")),
        *("True", str(tmp_path / ".keras")),
        *("True", "/tmp/.keras"),
    ]


def test_loading_imports_neither_keras_nor_tensorflow(home, offline) -> None:
    program = (
        "import sys\n"
        "from mlp_lab.data import load\n"
        "load('mnist')\n"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_catalogue() -> None:
    assert mlp_lab.data.dataset_names() == NAMES
    for name, info in catalogue.DATASETS.items():
        assert info.name == name
        assert info.num_classes == 10 == len(set(info.class_names))
        assert sorted(array for file in info.downloads for array in file.holds) == sorted(
            ARRAY_NAMES
        )
        for hashes in (info.sha256, info.sample_sha256):
            assert tuple(hashes) == ARRAY_NAMES
            assert all(len(value) == 64 for value in hashes.values())
    assert catalogue.DATASETS["mnist"].class_names[3] == "3"
    assert catalogue.DATASETS["fashion_mnist"].class_names[9] == "Ankle boot"
    with pytest.raises(TypeError):
        mlp_lab.data.DATASETS["other"] = None  # type: ignore[index]


def test_checksums_are_those_of_keras(keras) -> None:
    """Keras' source names the file, its address and its checksum."""
    import inspect

    from keras.src.datasets import fashion_mnist, mnist

    source = inspect.getsource(mnist)
    (file,) = mlp_lab.data.DATASETS["mnist"].downloads
    assert file.digest in source
    assert file.file_name in source
    assert file.url.removesuffix(file.file_name) in source
    source = inspect.getsource(fashion_mnist)
    for file in mlp_lab.data.DATASETS["fashion_mnist"].downloads:
        assert file.file_name in source
        assert file.url.removesuffix(file.file_name) in source


def test_content_hash_does_not_depend_on_layout() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert content_sha256(np.asfortranarray(array)) == content_sha256(array)
    assert content_sha256(array.astype(np.int32)) == content_sha256(array)
    assert content_sha256(array[::-1]) != content_sha256(array)
