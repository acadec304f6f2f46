"""The benchmarks run, in their quick forms, and print and save what they say."""

import importlib.util
import json
import re
import sys

import pytest
from process import ROOT, train

sys.path.insert(0, str(ROOT / "benchmarks"))
import scaling as scaling_benchmark

OTHERS = {"torch-memory": "torch", "jax": "jax", "sklearn": "sklearn", "cockpit": "cockpit"}


def benchmark(name, *arguments, home):
    path = home / "measured.json"
    done = train(*arguments, f"--json={path}", home=home, entry=(f"benchmarks/{name}.py",))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


def rows(printed):
    """First cells of the tables' lines, without the lines of dashes."""
    return re.findall(r"^\| ((?!-)[^|]*) \|", printed, re.MULTILINE)


def test_speed(tmp_path):
    names = ["ours", "ours-probes-100", "keras", "loop", "floor", *OTHERS]
    printed, saved = benchmark(
        "speed", "--quick", "--rows=512", f"--only={','.join(names)}", home=tmp_path
    )
    absent = {n: m for n, m in OTHERS.items() if importlib.util.find_spec(m) is None}
    for name, module in absent.items():
        assert f"skipped {name}: {module} is not installed" in printed.splitlines()
    assert saved["skipped"].keys() >= absent.keys()
    ran = saved["results"]
    assert ran.keys() >= {"ours", "ours-probes-100", "keras", "loop", "floor"}
    assert ran.keys() == set(names) - saved["skipped"].keys()
    for name, result in ran.items():
        assert result["says"] in rows(printed)
        assert len(result["seconds"]) == saved["rounds"] == 2
        assert 0 < result["min"] <= result["median"]
        assert result["quartiles"] == sorted(result["quartiles"])
        if name in ("ours", "keras", "loop"):
            assert 0 < result["accuracy"] <= 1
    assert ran["ours"]["ratio"] == 1
    assert saved["data"] == {"rows": 512, "source": "sample", "published": False}
    assert saved["versions"]["keras"]
    assert saved["machine"]["cpus"]
    targets = {target["target"]: target for target in saved["targets"]}
    assert {"ours / keras", "ours / floor", "ours-probes-100 / ours"} <= targets.keys()
    for name, target in targets.items():
        assert target["met"] == (target["measured"] <= target["allowed"])
        assert re.search(rf"\| {name} \|.*\| {'met' if target['met'] else 'missed'} \|", printed)


def test_unknown_contestants_are_named(tmp_path):
    done = train("--only=ours,theirs", home=tmp_path, entry=("benchmarks/speed.py",))
    assert done.returncode == 2
    assert "unknown theirs" in done.stderr


def test_growth(tmp_path):
    printed, saved = benchmark("growth", "--quick", "--only=width", home=tmp_path)
    assert {"width", "64, 64"} <= set(rows(printed))
    (point,) = saved["axes"]["width"].values()
    # 784 x 64 + 64, 64 x 64 + 64, 64 x 10 + 10
    assert point["parameters"] == 50_240 + 4_160 + 650
    assert point["work"] == 6 * 128 * point["parameters"]
    assert point["step"] == pytest.approx(point["epoch"] / point["steps"])
    assert point["peak"] >= point["data"] >= point["libraries"] > 0


@pytest.mark.slow
def test_growth_on_every_axis(tmp_path):
    printed, _ = benchmark("growth", "--quick", home=tmp_path)
    first = {"width": "64, 64", "depth": "2 x 128", "batch": "32", "rows": "6,000"}
    assert {*first, *first.values(), "probes", "0, every 10 steps"} <= set(rows(printed))


def turn(form, folder, number):
    """What one of the processes of the streaming benchmark prints."""
    arguments = ["--turn", form, str(folder), "4", str(number)]
    done = train(*arguments, home=folder, entry=("benchmarks/streaming.py",))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_turn_of_streaming(tmp_path):
    turn("write", tmp_path, 5095)
    found = turn("shards", tmp_path, 4000)
    assert found["rows"] == 5095
    assert found["peak"] >= found["libraries"] > 0
    assert found["rows_per_second"] > 0
    assert 0 < found["accuracy"] < 1


@pytest.mark.slow
def test_streaming(tmp_path):
    few = ["--gigabytes=0.004", "--memory_mb=4", "--memory_rows=4000", "--rounds=1"]
    printed, saved = benchmark("streaming", *few, f"--folder={tmp_path}", home=tmp_path)
    assert {"memory", "npy", "shards"} <= set(rows(printed))
    (found,) = saved["rounds"]
    assert found["npy"]["rows"] == found["shards"]["rows"] == saved["rows"] == 5095
    assert found["memory"]["rows"] == 4000
    for turn in found.values():
        assert turn["peak"] >= turn["libraries"] > 0
        assert turn["rows_per_second"] > 0
    for form, target in saved["targets"].items():
        met = target["peak"] < 1500 and target["ratio"] >= 0.7
        assert target["met"] == met, form
    # The set is removed. Packages that are installed beside may keep the hidden ones.
    kept = {".keras", ".cache", ".config"}
    assert {path.name for path in tmp_path.iterdir()} <= {"measured.json", *kept}


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    ratios = {"ours": 1.0, "keras": 3.0}
    results = {name: {"says": name, "ratio": ratio} for name, ratio in ratios.items()}
    (tmp_path / "speed.json").write_text(json.dumps({"results": results}))
    picture = tmp_path / "speed.png"
    done = train(
        str(tmp_path / "speed.json"), str(picture), home=tmp_path, entry=("benchmarks/plot.py",)
    )
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_options(tmp_path):
    printed, saved = benchmark("options", "--quick", home=tmp_path)
    assert saved["results"].keys() == {"plain", "deterministic"}
    for result in saved["results"].values():
        assert result["median"] > 0
    assert saved["results"]["plain"]["ratio"] == 1
    saves = saved["seconds_of_checkpoints"]
    assert len(saves) == saved["epochs"] == 3
    assert all(0 < seconds < 10 for seconds in saves)
    assert saved["share"] == sorted(saves)[1] / 60
    assert "`--deterministic`" in rows(printed)


def assert_follows(saved, printed):
    """What the scaling benchmark concludes from what it has measured."""
    (network,) = saved["networks"].values()
    assert network["parameters"] == 784 * 8 + 8 + 8 * 10 + 10
    formula = network["alone"]["128"] + 2 * (
        saved["latency"] + 4 * network["parameters"] / (2 * saved["bandwidth"])
    )
    assert network["ratio"] == pytest.approx(network["together"] / formula)
    assert [point["workers"] for point in saved["projection"]] == [8, 64, 512]
    for point in saved["projection"]:
        n, size = point["workers"], 4 * network["parameters"]
        talk = 2 * (n - 1) * (saved["latency"] + size / (n * saved["bandwidth"]))
        assert point["communication"] == pytest.approx(talk)
        gain = n * network["alone"]["128"] / (network["alone"]["128"] + talk)
        assert point["gain"] == pytest.approx(gain)
    assert "| 8 | 128 |" in printed


def test_scaling_concludes(capsys):
    measured = {"parameters": 784 * 8 + 8 + 8 * 10 + 10, "alone": {128: 2e-3}, "together": 4e-3}
    ring, sizes = scaling_benchmark.ring, scaling_benchmark.SIZES
    sums = {size: ring(2, size, 2e-4, 3e9) for size in sizes}
    saved = {"workers": 2, "sum": sums, "networks": {"8": measured}}
    scaling_benchmark.report(saved, None, None)
    assert_follows(json.loads(json.dumps(saved)), capsys.readouterr().out)


@pytest.mark.slow
def test_scaling(tmp_path):
    printed, saved = benchmark("scaling", "--quick", "--rounds=1", home=tmp_path)
    assert saved["workers"] == 2
    assert all(0 < seconds < 1 for seconds in saved["sum"].values())
    assert_follows(saved, printed)
    # The reason for a train function of our own; when Keras mends it, this line goes.
    assert saved["fits"]["keras"].startswith("ValueError in _maybe_symbolic_build: ")
    assert saved["fits"]["ours"].startswith("trained, loss ")
    assert "| ours | trained" in printed


def test_scaling_finds_what_it_is_given():
    ring, sizes = scaling_benchmark.ring, scaling_benchmark.SIZES
    sums = {size: ring(4, size, 2e-4, 3e9) for size in sizes}
    assert scaling_benchmark.fitted(4, sums) == pytest.approx((2e-4, 3e9))


def test_diagnosis(tmp_path):
    done = train(
        "--part=all", "--only=softmax1 two", home=tmp_path, entry=("benchmarks/diagnosis.py",)
    )
    assert done.returncode == 0, done.stderr
    assert "| output activation | 1 | 1 | 1 |" in done.stdout
