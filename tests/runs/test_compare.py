"""`mlp-lab compare`: differing flags, and the first step and tensor that differ."""

import csv
import io
import json
import shutil

import numpy as np
import pytest

import mlp_lab
from mlp_lab.__main__ import main
from mlp_lab.runs import compare
from mlp_lab.writers import Writer


def test_a_run_and_its_resumed_twin_are_equal_throughout(trained, resumed):
    found = compare([trained, resumed])
    ((one, two, equal),) = found.equal
    assert (one, two) == ("one", "resumed")
    assert equal.differs_at is None
    assert equal.equal_until == 28
    assert str(equal) == "equal throughout, to step 28"
    assert "every bit of the saved models" in equal.compared
    assert not [row for row in found.rows if row[0] in ("flag", "data", "version", "machine")]


def test_two_seeds_differ_at_step_0_in_the_first_weight(trained, other_seed):
    found = compare([trained, other_seed])
    ((_, _, equal),) = found.equal
    assert (equal.equal_until, equal.differs_at) == (None, 0)
    assert equal.tensor.startswith("train/weights/hidden_1/kernel")
    assert [row for row in found.rows if row[0] == "flag"] == [("flag", "seed", ("0", "1"))]
    metrics = {name: values for section, name, values in found.rows if section == "metric"}
    record = json.loads((other_seed / "run.json").read_text())
    assert float(metrics["val_loss"][1]) == pytest.approx(record["metrics"]["val_loss"], rel=1e-4)


def test_grouped_seeds_have_a_spread(trained, other_seed, resumed):
    found = compare([trained, other_seed, resumed], group_seeds=True)
    assert found.columns == ("one and 2 more",)
    values = [mlp_lab.open_run(p).record["metrics"]["val_loss"] for p in (trained, other_seed)]
    values.append(values[0])
    (text,) = next(row[2] for row in found.rows if row[1] == "val_loss")
    mean, _, spread = text.split()
    assert float(mean) == pytest.approx(np.mean(values), rel=1e-3)
    assert float(spread) == pytest.approx(np.std(values, ddof=1), rel=0.05)


def test_a_change_on_the_way_is_found_at_its_step(trained, tmp_path):
    """The event file of a copy is written anew, with another learning rate from step 15 on."""
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "checkpoints")
    series = mlp_lab.open_run(trained).scalars
    shutil.rmtree(folder / "train")
    writer = Writer(folder / "train")
    for tag in ("learning_rate", "batch_loss", "gradients/global_norm"):
        for step, value in zip(*series[tag][:2], strict=True):
            changed = value * (1.001 if step >= 15 and tag != "batch_loss" else 1)
            writer.scalars({tag: changed}, int(step))
    writer.close()
    ((_, _, equal),) = compare([trained, folder]).equal
    assert (equal.equal_until, equal.differs_at) == (14, 15)
    assert equal.tensor == "train/learning_rate"
    assert "series are in one of them only" in equal.compared


def test_checkpoints_are_compared_exactly(interrupted, tmp_path):
    """One bit of one weight, which no event file tells."""
    from mlp_lab import checkpoints

    folder = tmp_path / "copy"
    shutil.copytree(interrupted, folder)
    path = sorted((folder / "checkpoints").iterdir())[-1]
    tree = checkpoints.read(path)
    kernel = tree["state"]["variables"]["hidden[0].kernel"]["value"].copy()
    kernel[3, 3] = np.nextafter(kernel[3, 3], np.float32(9))
    tree["state"]["variables"]["hidden[0].kernel"]["value"] = kernel
    checkpoints.write(path, tree)
    ((_, _, equal),) = compare([interrupted, folder]).equal
    assert equal.differs_at == tree["position"]["step"]
    assert equal.tensor == "hidden[0].kernel in the checkpoint"


def test_forms(trained, other_seed, capsys):
    pair = [str(trained), str(other_seed)]
    assert main(["mlp-lab", "compare", *pair]) == 0
    text = capsys.readouterr().out
    assert "one and other: different from step 0: train/weights/hidden_1/kernel" in text
    assert main(["mlp-lab", "compare", "--csv", *pair]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["section", "name", "one", "other"]
    assert ["flag", "seed", "0", "1"] in rows
    assert {len(row) for row in rows} == {4}
    assert main(["mlp-lab", "compare", *pair, "--markdown"]) == 0
    assert "| flag | seed | 0 | 1 |" in capsys.readouterr().out


def test_bad_input(trained, tmp_path, capsys):
    for arguments, message in {
        (): "needs two runs or more",
        (str(trained),): "needs two runs or more",
        (str(trained), str(tmp_path)): "is not a run's folder",
        (str(trained), str(tmp_path / "x")): "there is no ",
        (str(trained), str(trained), "--csv", "--markdown"): "--csv: excludes --markdown",
    }.items():
        assert main(["mlp-lab", "compare", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
