"""`mlp_lab.open_run`: what a training has left, read back as arrays."""

import json
import os
import shutil
import subprocess
import sys

import events
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from process import ROOT
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as slow_crc

import mlp_lab
from mlp_lab.errors import InputError
from mlp_lab.runs.crc32c import masked_crc32c
from mlp_lab.writers import Writer


@given(st.lists(st.binary(min_size=4, max_size=300), max_size=8))
def test_crc_is_tensorboards(pieces):
    assert masked_crc32c(pieces).tolist() == [slow_crc(piece) for piece in pieces]


def test_record_config_history_and_model(trained):
    run = mlp_lab.open_run(trained)
    record = json.loads((trained / "run.json").read_text())
    assert run.name == "one"
    assert run.status == "finished"
    assert run.record == record
    assert run.config.hidden_units == (16,)
    assert run.config.name == "one"
    assert {n: v.tolist() for n, v in run.history.items()} == record["history"]
    assert run.model.count_params() == record["parameters"]
    assert run.schema is run.target is None
    assert run.faults == []
    assert "finished" in repr(run)
    again = mlp_lab.open_run(trained / "model.keras")
    assert again.path == trained


def test_every_series_is_as_tensorboard_reads_it(trained):
    """TensorBoard's own reader is the second implementation."""
    run = mlp_lab.open_run(trained)
    found = 0
    for part in ("", "train", "validation"):
        for tag, points in events.read(trained / part).items():
            full = f"{part}/{tag}" if part else tag
            steps = sorted(points)
            values = [points[step] for step in steps]
            found += 1
            if full in run.scalars:
                got = run.scalars[full]
                np.testing.assert_array_equal(got.values, np.array(values, np.float32))
                assert (np.diff(got.times) >= 0).all()
            elif full in run.histograms:
                got = run.histograms[full]
                np.testing.assert_array_equal(
                    np.stack([got.left, got.right, got.counts], axis=2), values
                )
            elif full in run.texts:
                got = run.texts[full]
                assert got.values == [str(v.item(), "utf-8") for v in values]
            else:
                got = run.tensors[full]
                for a, b in zip(got.values, values, strict=True):
                    np.testing.assert_array_equal(a, b)
            assert got.steps.tolist() == steps
    maps = (run.scalars, run.histograms, run.texts, run.images, run.tensors)
    assert sum(map(len, maps)) == found > 50


def test_a_tag_alone_is_enough_where_one_part_has_it(trained):
    run = mlp_lab.open_run(trained)
    steps, values, _ = run.scalars["gradients/global_norm"]
    assert steps.tolist() == [0, 5, 10, 15, 20, 25]
    assert (values > 0).all()
    assert run.histograms["weights/hidden_1/kernel"].counts.sum(axis=1).tolist() == [784 * 16] * 6
    with pytest.raises(KeyError, match="write train/epoch_loss or validation/epoch_loss"):
        run.scalars["epoch_loss"]
    with pytest.raises(KeyError, match="did you mean 'train/batch_loss'"):
        run.scalars["train/batch_los"]
    assert "epoch_loss" not in run.scalars
    assert "98 series" not in repr(run.histograms)


def test_pictures_are_png_files(tmp_path):
    writer = Writer(tmp_path / "x")
    writer.images("pictures/a", np.zeros((2, 3, 4, 1), np.uint8), step=7)
    writer.scalars({"a": float("nan"), "b": 1.5}, step=1)
    writer.close()
    (tmp_path / "x" / "run.json").write_text("{}")
    run = mlp_lab.open_run(tmp_path / "x")
    assert run.status == "unfinished"
    assert run.images["pictures/a"].steps.tolist() == [7]
    (images,) = run.images["pictures/a"].values
    assert [png[:4] for png in images] == [b"\x89PNG"] * 2
    assert np.isnan(run.scalars["a"].values).all()


def test_a_resumed_run_has_each_step_once(trained, resumed):
    one, two = mlp_lab.open_run(trained), mlp_lab.open_run(resumed)
    assert list(one.scalars) == list(two.scalars)
    for tag in one.scalars:
        if tag not in ("train/steps_per_second", "train/observing/share"):
            for a, b in zip(one.scalars[tag][:2], two.scalars[tag][:2], strict=True):
                np.testing.assert_array_equal(a, b)


def test_of_a_step_written_twice_the_last_counts(tmp_path):
    for value in (1.0, 2.0):  # a run that was killed, and resumed elsewhere
        writer = Writer(tmp_path / "train", owner=f"{value:.0f}")
        writer.scalars({"a": value}, step=3)
        writer.close()
    (tmp_path / "run.json").write_text("{}")
    series = mlp_lab.open_run(tmp_path).scalars["a"]
    assert series.steps.tolist() == [3]
    assert series.values.tolist() == [2.0]


def cut(data):
    return data[:-5], "ends within a record"


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], "damaged"


def no_length(data):
    return data[:30] + b"\xff" * 200 + data[230:], "damaged"


def emptied(data):
    return b"", None


def a_pipe(data):
    return None, "cannot be read"


@pytest.mark.parametrize("damage", [cut, flipped, no_length, emptied, a_pipe])
def test_damaged_event_files(damage, trained, tmp_path):
    """What is intact is read as it was; nothing else is, and the fault is told."""
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    (path,) = (folder / "train").iterdir()
    content, fault = damage(path.read_bytes())
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    whole, run = mlp_lab.open_run(trained), mlp_lab.open_run(folder)
    assert (fault is None) == (not run.faults)
    for text in run.faults:
        assert text.startswith("train/events.out")
        assert fault in text
    for tag in run.scalars:
        good = dict(zip(*whole.scalars[tag][:2], strict=True))
        for step, value in zip(*run.scalars[tag][:2], strict=True):
            np.testing.assert_equal(value, good[step])
    assert "validation/epoch_loss" in run.scalars
    lost = set(whole.scalars) - set(run.scalars)
    assert bool(lost) == (damage in (no_length, emptied, a_pipe))


@given(st.binary(max_size=400))
def test_any_bytes_as_an_event_file(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("any")
    (folder / "run.json").write_text("[1]")
    (folder / "events.out.tfevents.1").write_bytes(content)
    run = mlp_lab.open_run(folder)
    assert len(run.faults) == bool(content)
    assert not run.scalars


def test_no_tensorflow_is_loaded(trained):
    script = f"""
import sys, mlp_lab
run = mlp_lab.open_run({str(trained)!r})
run.scalars["gradients/global_norm"], run.config, run.history, repr(run.scalars), run.status
sys.exit(bool({{"tensorflow", "keras"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_what_is_no_run(trained, tmp_path):
    (tmp_path / "file.txt").write_text("x")
    for path, message in {
        trained.parent: "is a folder of runs; name one of them, as in",
        tmp_path: "is not a run's folder: it has no run.json and no flags.txt",
        tmp_path / "absent": "there is no ",
        tmp_path / "file.txt": "expected a run's folder or a .keras file, got the file",
        "gs://bucket/run": "expected a local folder",
        "a\0b": "cannot be opened|there is no",
    }.items():
        with pytest.raises(InputError, match=message):
            mlp_lab.open_run(path)


def test_a_run_without_a_model(interrupted, tmp_path):
    run = mlp_lab.open_run(interrupted)
    assert run.status == "interrupted"
    with pytest.raises(InputError, match=r"has no model\.keras: the run is interrupted; resume it"):
        run.model  # noqa: B018
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match=r"has no flags\.txt"):
        mlp_lab.open_run(tmp_path).config  # noqa: B018
