"""README's code runs and its commands are commands."""

import re
import shlex
import sys
import textwrap
from pathlib import Path

import events
import keras
import numpy as np
import pytest
from process import ROOT, train

from mlp_lab import flags

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def namespace():
    names: dict = {"__name__": "readme"}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    return names


@pytest.mark.parametrize("name", ["Linear", "Clipped"])
def test_models_train(namespace, name):
    model = namespace[name](num_classes=3, input_scale=1 / 255)
    model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(True))
    x = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    losses = model.fit(x, np.arange(30) % 3, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_own_model_trains_from_the_command_line(tmp_path):
    (tmp_path / "linear.py").write_text(BLOCKS[0])
    done = train(
        "--model=linear:Linear", "--data_source=sample", "--epochs=1",
        home=tmp_path, entry=(str(ROOT / "train.py"),), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "register_keras_serializable" not in done.stdout  # README's class is registered
    assert list(tmp_path.glob("logs/*/model.keras"))


def test_commands_are_readable():
    commands = re.findall(r"python train\.py((?: --[^\s`]+)+)", README)
    commands += re.findall(r"^\| `(--[^`]*)` \|", README, re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        if "NAME" not in command and "help" not in command:
            assert flags.parse(shlex.split(command.replace("=configs", f"={ROOT}/configs")))


def test_start_and_test_commands_stand_as_promised():
    code = textwrap.dedent("\n".join(re.findall(r"^    (.*)$", README, re.MULTILINE)))
    assert "pip install . && python train.py --flagfile=configs/fashion_mnist.flags" in code
    assert 'pip install ".[dev]" && python -m pytest' in code


PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("page", PAGES)
def test_files_it_names_exist(page):
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert ((ROOT / page).parent / link).exists(), link


def test_the_code_of_reliability_runs(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "reliability.md", "exec"), {"__name__": "reliability"})
    assert (tmp_path / "checkpoints").is_dir()


def test_the_code_of_looking_inside_runs(capsys):
    text = (ROOT / "docs" / "looking_inside.md").read_text(encoding="utf-8")
    names: dict = {"__name__": "looking_inside"}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        exec(compile(block, "looking_inside.md", "exec"), names)
    found = events.read(Path(names["logs"]) / "train")
    assert sum(tag.startswith("sparsity/") for tag in found) == 2
    assert sys.version_info >= (3, 11)
