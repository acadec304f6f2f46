"""The bundled sample, its licenses, and the tool that makes it."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from full_sets import source_of

from mlp_lab.data import ARRAY_NAMES, DATASETS, Dataset, load, sources

TOOL = Path(sources.__file__).parents[2] / "tools" / "make_sample.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    if not TOOL.is_file():
        pytest.skip("tools/ comes with the repository only")
    spec = importlib.util.spec_from_file_location("make_sample", TOOL)
    if spec is None or spec.loader is None:
        raise ImportError(TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sample(name: str) -> Dataset:
    return load(name, source="sample", say=lambda _: None)


@pytest.mark.parametrize("name", DATASETS)
def test_balanced_and_as_documented(name: str) -> None:
    dataset = sample(name)
    assert np.bincount(dataset.y_train).tolist() == [700] * 10
    assert np.bincount(dataset.y_test).tolist() == [200] * 10
    assert dataset.origin.rows == DATASETS[name].sample_rows
    assert dataset.x_train.shape == (7000, 28, 28)
    assert dataset.x_train.max() == 255


@pytest.mark.parametrize("name", DATASETS)
def test_hashes_by_another_reader(name: str) -> None:
    """numpy's own reader and hashlib, so that an error in ours would show."""
    with np.load(sources.SAMPLE_DIR / f"{name}.npz", allow_pickle=False) as stored:
        for array in ARRAY_NAMES:
            assert stored[array].dtype == np.uint8
            digest = hashlib.sha256(stored[array].tobytes()).hexdigest()
            assert digest == DATASETS[name].sample_sha256[array]
            assert digest == sample(name).origin.sha256[array]


def test_no_image_twice_between_training_and_test() -> None:
    for name in DATASETS:
        dataset = sample(name)
        train = {image.tobytes() for image in dataset.x_train}
        assert not any(image.tobytes() in train for image in dataset.x_test)


def test_size() -> None:
    sizes = {path.name: path.stat().st_size for path in sources.SAMPLE_DIR.glob("*.npz")}
    assert set(sizes) == {"mnist.npz", "fashion_mnist.npz"}
    assert sum(sizes.values()) <= 6_000_000


def test_licenses() -> None:
    mnist = (sources.SAMPLE_DIR / "LICENSE-MNIST.txt").read_text()
    for needed in (
        "Yann LeCun",
        "Corinna Cortes",
        "Christopher J.C. Burges",
        "https://creativecommons.org/licenses/by-sa/3.0/",
        "unmodified subset",
    ):
        assert needed in mnist
    fashion = (sources.SAMPLE_DIR / "LICENSE-FASHION-MNIST.txt").read_text()
    for needed in (
        "Copyright (c) 2017 Zalando SE, https://tech.zalando.com",
        "Permission is hereby granted, free of charge",
        "THE SOFTWARE IS PROVIDED",
    ):
        assert needed in fashion
    assert "CC BY-SA 3.0" in (sources.SAMPLE_DIR / "README.md").read_text()


def test_first_of_each_class(tool: ModuleType) -> None:
    labels = np.array([2, 0, 0, 1, 2, 2, 0, 1, 1])
    assert tool.first_of_each_class(labels, 2).tolist() == [0, 1, 2, 3, 4, 7]


@pytest.mark.parametrize("name", DATASETS)
def test_the_tool_writes_the_same_bytes_every_time(tool: ModuleType, name: str) -> None:
    arrays = {array: getattr(sample(name), array)[:300].astype(np.uint8) for array in ARRAY_NAMES}
    content = tool.npz_bytes(arrays)
    assert tool.npz_bytes({key: arrays[key] for key in reversed(ARRAY_NAMES)}) == content


def test_the_tool_refuses_another_set(tool: ModuleType, make, tmp_path, capsys) -> None:
    make.folder(tmp_path / "mnist", make.arrays(1))
    assert tool.main([f"--data_dir={tmp_path}", f"--out={tmp_path}"]) == 1
    assert "is not the published mnist" in capsys.readouterr().err
    assert not (tmp_path / "mnist.npz").exists()


@pytest.mark.parametrize("name", DATASETS)
def test_against_the_full_set(tool: ModuleType, name: str) -> None:
    """Where the full set is at hand: its hashes, and the sample made from it anew."""
    where = source_of(name)
    full = load(name, where.get("data_source", "auto"), where.get("data_dir"))
    assert full.origin.published
    assert full.origin.rows == DATASETS[name].rows
    made, bundled = tool.sample_arrays(full), sample(name)
    for array in ARRAY_NAMES:
        np.testing.assert_array_equal(made[array], getattr(bundled, array))
