"""evaluate, predict and export: against scikit-learn, Keras and the formats' own runtimes."""

import csv
import importlib.util
import io
import json
import types

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk

import mlp_lab
from mlp_lab.__main__ import main
from mlp_lab.data.sources import SAMPLE_DIR
from mlp_lab.errors import InputError, RunError
from mlp_lab.trained import evaluate, export, predict, scores
from mlp_lab.trained.exporting import compared


@pytest.fixture(scope="module")
def test_set():
    with np.load(SAMPLE_DIR / "fashion_mnist.npz") as arrays:
        return arrays["x_test"], arrays["y_test"].astype(int)


@pytest.fixture(scope="module")
def probabilities(trained, test_set):
    logits = mlp_lab.load_model(trained / "model.keras").predict(test_set[0], verbose=0)
    return np.asarray(keras.ops.softmax(logits.astype("float64")))


def test_evaluate_is_as_scikit_learn(trained, test_set, probabilities):
    found = evaluate(trained, samples=200, say=lambda text: None)
    _, y = test_set
    ids = probabilities.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(y, ids),
        "log_loss": sk.log_loss(y, probabilities),
        "balanced_accuracy": sk.balanced_accuracy_score(y, ids),
        "macro_f1": sk.f1_score(y, ids, average="macro"),
    }
    assert {n: m["value"] for n, m in found.metrics.items()} == pytest.approx(expected, rel=1e-5)
    for metric in found.metrics.values():
        assert metric["low"] < metric["value"] < metric["high"]
    assert found.confusion == sk.confusion_matrix(y, ids).tolist()
    table = sk.precision_recall_fscore_support(y, ids, zero_division=0)
    for row, *values in zip(found.classes, *table, strict=True):
        got = [row["precision"], row["recall"], row["f1"], row["rows"]]
        assert got == pytest.approx(values)
    p = probabilities[np.arange(len(y)), y]
    assert [row["row"] for row in found.worst[:3]] == np.argsort(p)[:3].tolist()
    saved = json.loads((trained / "evaluation.json").read_text())
    assert saved == found.to_dict()
    error = saved["calibration"]["expected_calibration_error"]
    confidence, right = probabilities.max(axis=1), ids == y
    bins = np.minimum((confidence * 15).astype(int), 14)
    by_hand = sum(abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(15)) / len(y)
    assert error == pytest.approx(by_hand, rel=1e-5)


def test_intervals_cover_the_truth():
    """In 1,000 simulated sets, 95 % of the intervals hold the true value."""
    random = np.random.default_rng(0)
    low, high = np.array(
        [scores.wilson(s, 300) for s in random.binomial(300, 0.8, 1000)]
    ).T  # fmt: skip
    assert 0.93 <= np.mean((low <= 0.8) & (high >= 0.8)) <= 0.97
    drawn = random.exponential(1.0, (1000, 200))
    found = [scores.bootstrap_mean(values, 300, i) for i, values in enumerate(drawn)]
    assert 0.93 <= np.mean([a <= 1 <= b for a, b in found]) <= 0.97
    cells = np.array([[0.4, 0.1], [0.15, 0.35]])
    truth = (0.8 + 0.7) / 2
    sets = random.multinomial(300, cells.ravel(), 1000).reshape(-1, 2, 2)
    found = [
        scores.bootstrap_counts(counts, scores.balanced_accuracy, 200, i)
        for i, counts in enumerate(sets)
    ]
    assert 0.93 <= np.mean([a <= truth <= b for a, b in found]) <= 0.97
    assert scores.wilson(0, 10)[0] == 0
    assert scores.wilson(10, 10)[1] == 1


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def check(rows, numbers, probabilities):
    names = [name for name in rows[0] if name.startswith("p(")]
    got = np.array([[float(row[name]) for name in names] for row in rows])
    np.testing.assert_allclose(got, probabilities[numbers], atol=1e-5)
    expected = [names[i][2:-1] for i in probabilities[numbers].argmax(axis=1)]
    assert [row["class"] for row in rows] == expected


def test_predict_from_all_forms(trained, test_set, probabilities, tmp_path, monkeypatch, capsys):
    x = test_set[0][:300]
    flat = x.reshape(300, -1)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        Image.fromarray(x[i]).save(tmp_path / "pictures" / f"{i}.png")
    np.savetxt(tmp_path / "x.csv", flat[:5], fmt="%d", delimiter=",")
    for name, count in (("x.npy", 300), ("x.npz", 300), ("pictures", 3), ("x.csv", 5)):
        out = tmp_path / "out.csv"
        assert predict(trained, str(tmp_path / name), str(out)) == count
        rows = rows_of(out.read_text())
        check(rows, np.arange(count), probabilities)
    assert [row["row"] for row in rows] == ["1", "2", "3", "4", "5"]
    content = (tmp_path / "x.csv").read_bytes()
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
    assert main(["mlp-lab", "predict", str(trained), "--data=-"]) == 0
    check(rows_of(capsys.readouterr().out), np.arange(5), probabilities)
    predict(trained, str(tmp_path / "x.npy"), str(tmp_path / "out.npy"))
    predict(trained, str(tmp_path / "x.npy"), str(tmp_path / "out.npz"))
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), probabilities[:300], atol=1e-5)
    with np.load(tmp_path / "out.npz") as found:
        assert found["class_id"].tolist() == probabilities[:300].argmax(axis=1).tolist()


def test_rows_that_cannot_be_read(trained, test_set, probabilities, tmp_path, capsys):
    heads = ",".join(["id", *(f"p{i}" for i in range(784)), "label"])
    lines = [f"row {i}," + ",".join(map(str, test_set[0][i].ravel())) + ",shoe" for i in range(4)]
    lines[1] = lines[1].replace(",0", ",256", 1)
    lines[2] = "short,1,2"
    path = tmp_path / "x.csv"
    path.write_text("\ufeff" + "\n".join([heads, *lines]) + "\n\n", encoding="utf-8")
    assert main(["mlp-lab", "predict", str(trained), f"--data={path}"]) == 0
    out, err = capsys.readouterr()
    rows = rows_of(out)
    assert [row["row"] for row in rows] == ["row 0", "row 3"]
    check(rows, np.array([0, 3]), probabilities)
    assert "skipped line 3: '256' is not a whole number from 0 to 255" in err
    assert "skipped line 4: has 3 columns, expected 786" in err
    out = tmp_path / "out.csv"
    arguments = ["predict", str(trained), f"--data={path}", "--strict", f"--out={out}"]
    assert main(["mlp-lab", *arguments]) == 2
    assert "line 3: '256' is not a whole number" in capsys.readouterr().err
    assert not out.exists()


def test_an_unfinished_run_needs_to_be_asked_for(interrupted, capsys):
    assert main(["mlp-lab", "evaluate", str(interrupted)]) == 2
    assert "is interrupted and has no trained model" in capsys.readouterr().err
    assert main(["mlp-lab", "evaluate", str(interrupted), "--checkpoint", "--samples=10"]) == 0
    assert "this is its checkpoint of step 1" in capsys.readouterr().err


def test_bad_input(trained, test_set, tmp_path, capsys):
    x, y = test_set
    np.savez(tmp_path / "scaled.npz", x=x / 255, y=y)
    np.savez(tmp_path / "shape.npz", x=x[:, :5], y=y)
    np.savez(tmp_path / "unseen.npz", x=x, y=y + 1)
    np.savez(tmp_path / "names.npz", x=x[:1], y=np.array(["Boot"]))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object), y=y)
    np.savez(tmp_path / "no_y.npz", x=x)
    (tmp_path / "no.npz").write_bytes(b"PK\3\4")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "wide.csv").write_text("1,2,3\n")
    for arguments, message in {
        ("evaluate",): "needs a run",
        ("evaluate", str(tmp_path)): "is not a run's folder",
        ("evaluate", "RUN", "scaled.npz"): "do not scale them",
        ("evaluate", "RUN", "shape.npz"): "expected rows of shape [28, 28], as trained",
        ("evaluate", "RUN", "unseen.npz"): "expected 0 to 9",
        ("evaluate", "RUN", "names.npz"): "label 'Boot' is none of T-shirt",
        ("evaluate", "RUN", "objects.npz"): "is not an npz file of numbers",
        ("evaluate", "RUN", "no_y.npz"): "expected arrays x and y, got x",
        ("evaluate", "RUN", "no.npz"): "is not an npz file",
        ("evaluate", "RUN", "absent.npz"): "there is no file",
        ("predict", "RUN"): "--data: is needed",
        ("predict", "RUN", "empty.csv"): "has no rows",
        ("predict", "RUN", "wide.csv"): "has no rows that could be read",
        ("predict", "RUN", "absent.csv"): "there is no",
        ("export", "RUN", "names.npz"): "expected at least 256 rows",
    }.items():
        command, *rest = arguments
        rest = [str(trained) if r == "RUN" else r for r in rest]
        rest = [f"--data={tmp_path}/{r}" if "." in r and "/" not in r else r for r in rest]
        assert main(["mlp-lab", command, *rest]) == 2, arguments
        *_, line = capsys.readouterr().err.splitlines()
        assert message in line
    with pytest.raises(InputError, match=r"--out: expected a \.csv"):
        predict(trained, "x.csv", "out.txt")


MODULES = {"saved_model": "tensorflow", "onnx": "tf2onnx", "litert": "ai_edge_litert"}


@pytest.mark.parametrize("form", MODULES)
def test_export(form, trained, tmp_path):
    if importlib.util.find_spec(MODULES[form]) is None:
        with pytest.raises(InputError, match=rf"pip install 'mlp_lab\[{form}\]'"):
            export(trained, form, tmp_path / "out")
        pytest.skip(f"{MODULES[form]} is not installed")
    said = []
    folder = export(trained, form, tmp_path / "out", say=said.append)
    assert "1024 rows differ by" in said[-1]
    card = json.loads((folder / "card.json").read_text())
    assert card["inputs"] == {"name": "inputs", "dtype": "uint8", "shape": [None, 28, 28]}
    assert card["class_names"][9] == "Ankle boot"
    assert card["compared"]["greatest_difference"] < 1e-4
    with pytest.raises(InputError, match="already exists"):
        export(trained, form, folder, say=said.append)


def test_a_wrong_scale_is_caught_and_the_export_deleted(trained, tmp_path, monkeypatch):
    from mlp_lab.trained.formats import saved_model

    right = saved_model.runner
    monkeypatch.setattr(
        saved_model, "runner", lambda path: lambda x: right(path)(x) * np.float32(1.001)
    )
    with pytest.raises(RunError, match=r"differs from the Keras model by .* it has been deleted"):
        export(trained, "saved_model", tmp_path / "out", say=lambda text: None)
    assert not (tmp_path / "out").exists()


def test_a_changed_class_is_caught():
    x = np.zeros((256, 2))
    expected = np.tile(np.float32([1, 1 - 1e-7, -9]), (256, 1))
    swapped = expected[:, [1, 0, 2]]
    with pytest.raises(RunError, match="another class for row 0, not 'a'"):
        compared(lambda part: swapped[: len(part)], x, expected, ("a", "b", "c"))
    with pytest.raises(RunError, match="differs"):
        compared(lambda part: expected[: len(part)] * np.nan, x, expected, ("a", "b", "c"))
