"""The code in README, docs and docstrings runs, each block once."""

import doctest
import importlib
import pkgutil
import re
import shlex
from pathlib import Path

import events
import keras
import numpy as np
import pytest
import tensorflow as tf
from process import ROOT, train

import mlp_lab
from mlp_lab.options import flags


def blocks(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))]
PAGES = [page for page in PAGES if blocks(page)]


def test_fences_are_all_found():
    """Also those that are indented or have options would have to be run."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(re.findall(r"^[ \t]*(?:```|~~~)[ \t]*(?:python|py)\b", text, re.M)) == len(
            blocks(page)
        )


# What has to be true of a page's names, or of the folder, after its code has run.


def readme(names, folder):
    """The models train."""
    for name in ("Linear", "Clipped"):
        model = names[name](num_classes=3, input_scale=1 / 255)
        model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(True))
        x = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
        losses = model.fit(x, np.arange(30) % 3, epochs=3, verbose=0).history["loss"]
        assert losses[-1] < losses[0]


def looking_inside(names, folder):
    found = events.read(Path(names["logs"]) / "train")
    assert sum(tag.startswith("sparsity/") for tag in found) == 2


def reliability(names, folder):
    assert (folder / "checkpoints").is_dir()


def subclassing(names, folder):
    """The checks have seen the classes of the page, and no others of these names."""
    defined = re.findall(r"^class (\w+)", "\n".join(blocks("docs/subclassing.md")), re.M)
    assert len(defined) >= 7
    code = "\n".join(b for b in blocks("docs/subclassing.md") if b.startswith("# test_mine.py"))
    for name in defined:
        assert re.search(rf"check_\w+\([^=]*\b{name}\b", code), f"{name} is not checked"


AFTER = {
    "README.md": readme,
    "docs/looking_inside.md": looking_inside,
    "docs/reliability.md": reliability,
    "docs/subclassing.md": subclassing,
}


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": Path(page).stem}
    for block in blocks(page):
        exec(compile(block, page, "exec"), names)
    AFTER.get(page, lambda *_: None)(names, tmp_path)


def test_every_page_with_a_claim_is_run():
    assert set(AFTER) <= set(PAGES)


# Docstrings.


def examples():
    """Docstrings with code, by module and name."""
    found = {}
    for info in pkgutil.walk_packages(mlp_lab.__path__, "mlp_lab."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for test in doctest.DocTestFinder(exclude_empty=True).find(module, info.name):
            if test.examples:
                test.globs.update(mlp_lab=mlp_lab, keras=keras, np=np, tf=tf)
                found[test.name] = test
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_code_of_a_docstring_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    doctest.DocTestRunner(verbose=False).run(EXAMPLES[name], out=said.append)
    assert not said, "".join(said)


def test_docstrings_are_found():
    assert {
        "mlp_lab.probes.base.Probe",
        "mlp_lab.models.model.Model",
        "mlp_lab.testing.loss.check_loss",
    } <= set(EXAMPLES)


# The commands of docs/subclassing.md.

COMMANDS = re.findall(
    r"^    python train\.py (.*)$",
    (ROOT / "docs" / "subclassing.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_commands_of_subclassing_are_readable():
    assert len(COMMANDS) >= 7
    for command in COMMANDS:
        assert flags.parse(shlex.split(command))


@pytest.mark.parametrize("group", ["model, loss, metric and probe", "a training step"])
def test_commands_of_subclassing_train(group, tmp_path):
    """Each of them, those that can be together in one run."""
    mine = [b for b in blocks("docs/subclassing.md") if b.startswith("# mine.py")]
    (tmp_path / "mine.py").write_text("\n\n".join(mine))
    last = [c for c in COMMANDS if "SharpnessAware" in c]
    others = [c for c in COMMANDS if re.search("depth|--loss|--metrics|--probes", c)]
    assert (len(last), len(others)) == (1, 4)
    arguments = shlex.split(" ".join(last if group == "a training step" else others))
    done = train(
        *arguments, "--data_source=sample", "--epochs=1", "--name=run", "--histogram_every=50",
        home=tmp_path, entry=(str(ROOT / "train.py"),), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "logs" / "run" / "model.keras").exists()
    tags = events.read(tmp_path / "logs" / "run" / "train")
    if group == "a training step":
        assert "updates/hidden_1/kernel" in tags
    else:
        assert "epoch_confidence" in tags
        assert any(tag.startswith("descent/") for tag in tags)
