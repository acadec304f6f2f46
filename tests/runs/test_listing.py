"""`mlp-lab runs`: a line a run, and deleting one."""

import csv
import io
import json
import shutil

import pytest

from mlp_lab.__main__ import main
from mlp_lab.errors import InputError
from mlp_lab.runs import list_runs
from mlp_lab.training.lock import Lock


@pytest.fixture
def some(tmp_path, trained):
    """Runs of several kinds in folders."""
    shutil.copytree(trained, tmp_path / "b")
    shutil.copytree(trained, tmp_path / "deep" / "a")
    record = json.loads((tmp_path / "b" / "run.json").read_text())
    record["history"] = {"val_loss": [3.0, "nan", 2.0], "val_accuracy": [0.5, 0.9, 0.7]}
    (tmp_path / "b" / "run.json").write_text(json.dumps(record))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("not JSON")
    (tmp_path / "no run").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    return tmp_path


def test_entries(some):
    entries = {entry.name: entry for entry in list_runs(some)}
    assert set(entries) == {"b", "deep/a", "bad"}
    best = entries["b"]
    assert (best.best, best.metric, best.epochs, best.status) == (
        0.9,
        "val_accuracy",
        2,
        "finished",
    )
    assert best.bytes > 100_000
    assert best.seconds >= 0
    bad = entries["bad"]
    assert (bad.best, bad.epochs, bad.seconds, bad.status) == (None, None, None, "unfinished")


def test_sorting(some, capsys):
    assert [entry.name for entry in list_runs(some, "name")] == ["b", "bad", "deep/a"]
    assert [entry.name for entry in list_runs(some, "best")] == ["deep/a", "b", "bad"]
    with pytest.raises(InputError, match="--sort: expected one of name, "):
        list_runs(some, "colour")
    assert main(["mlp-lab", "runs", str(some), "--sort=best", "--reverse"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "status", "data", "best", "epochs", "time", "size"]
    assert [line.split()[0] for line in lines[1:]] == ["bad", "b", "deep/a"]
    assert "val_accuracy 0.9 " in lines[2]


def test_csv(some, capsys):
    assert main(["mlp-lab", "runs", "--csv", str(some)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["name"] for row in rows} == {"b", "deep/a", "bad"}


def test_delete_asks(some, capsys, monkeypatch):
    for answer, gone in (("\n", False), ("", False), ("no\n", False), ("y\n", True)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert main(["mlp-lab", "runs", str(some), "--delete=b"]) == 0
        assert "[y/N]" in capsys.readouterr().out
        assert (some / "b").exists() != gone
    assert main(["mlp-lab", "runs", str(some), "--delete=deep/a", "--yes"]) == 0
    assert (some / "deep").exists()
    assert not (some / "deep" / "a").exists()


def test_what_is_not_deleted(some, capsys):
    (some / "link").symlink_to(some / "b")
    lock = Lock(some / "b")
    try:
        for arguments, message in {
            ("--delete=b", "--yes"): "is being trained by process",
            ("--delete=link", "--yes"): "is not a run's folder",
            ("--delete=no run", "--yes"): "is not a run's folder",
            ("--delete=../x", "--yes"): "there is no run",
            ("--delete=absent",): "there is no run",
            ("--yes",): "--yes: needs --delete",
        }.items():
            assert main(["mlp-lab", "runs", str(some), *arguments]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert message in line
    finally:
        lock.release()
    assert (some / "b" / "run.json").exists()
    assert main(["mlp-lab", "runs", str(some / "absent")]) == 2
    assert main(["mlp-lab", "runs", "a", "b"]) == 2
